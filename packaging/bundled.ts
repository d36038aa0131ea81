import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Metafile } from 'esbuild'
import { root } from './program.ts'

/** A package in the bundle. */
export interface BundledPackage {
  /** Its folder, relative to the checkout: `node_modules/@scope/name`. */
  dir: string
  name: string
  version: string
  /** SPDX expression; undefined for packages older than SPDX. */
  license?: string
  dependencies?: Record<string, string>
  /** Its source files in the bundle, relative to `dir`. */
  files: string[]
}

/** Returns the packages that have code in the outputs of these builds, sorted by folder. */
export function bundledPackages(metafiles: Metafile[]): BundledPackage[] {
  const inputs = metafiles.flatMap(({ outputs }) =>
    Object.values(outputs).flatMap(({ inputs }) => Object.keys(inputs)),
  )
  const found = new Map<string, string[]>()
  for (const input of new Set(inputs)) {
    const [, dir, file] = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\/(.*)$/.exec(input) ?? []
    if (dir !== undefined) found.set(dir, [...(found.get(dir) ?? []), file!])
  }
  return [...found.entries()].sort(byFolder).map(([dir, files]) => {
    const { name, version, license, dependencies } = JSON.parse(
      readFileSync(join(root, dir, 'package.json'), 'utf8'),
    )
    return { dir, files, name, version, license, dependencies }
  })
}

const byFolder = ([one]: [string, unknown], [other]: [string, unknown]) => (one < other ? -1 : 1)
