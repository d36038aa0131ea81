import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'

const src = fileURLToPath(new URL('../../src', import.meta.url))

interface Import {
  file: string
  specifier: string
  kind: 'static' | 'type' | 'lazy'
}

/** Modules of src, by their paths in it. */
export const files = globSync('**/*.{ts,tsx}', { cwd: src }).sort()
export const text = (file: string) => readFileSync(join(src, file), 'utf8')

function importsOf(file: string): Import[] {
  const code = text(file)
  const found = [
    ...code.matchAll(/^(?:import|export)\s+(type\s+)?(?:[\w*{}\s,$]+?\s+from\s+)?'([^']+)'/gm),
  ].map(([, type, specifier]): Import => ({ file, specifier: specifier!, kind: type ? 'type' : 'static' }))
  const lazy = [...code.matchAll(/\bimport\('([^']+)'\)/g)].map(
    ([, specifier]): Import => ({ file, specifier: specifier!, kind: 'lazy' }),
  )
  return [...found, ...lazy]
}

export const imports = files.flatMap(importsOf)
export const folderOf = (file: string) => file.split('/')[0]!
/** Returns the module of src that an import names; undefined for a library and for a style. */
const targetOf = ({ file, specifier }: Import) =>
  specifier.startsWith('.') && !specifier.endsWith('.css')
    ? normalize(join(dirname(file), specifier))
    : undefined
/** Imports of modules of src. */
export const own = imports.flatMap((found) => {
  const target = targetOf(found)
  return target === undefined ? [] : [{ ...found, target }]
})

const needs = new Map(
  files.map((file) => [
    file,
    own.filter((found) => found.file === file && found.kind === 'static').map(({ target }) => target),
  ]),
)

/** Modules that every start of the program loads. */
export const atStart = new Set<string>()
const reach = (file: string): void => {
  if (atStart.has(file)) return
  atStart.add(file)
  for (const target of needs.get(file) ?? []) reach(target)
}
reach('main.ts')

/** Returns the wing to which a file of the hub belongs: its folder, or the file itself if it is in none. */
export const wingOf = (file: string) => {
  const path = file.slice('hub/'.length)
  return path.includes('/') ? dirname(path) : path
}
