import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Matches a declaration of an exported value. */
const EXPORT = /^export (?:async )?(?:const|function|class) (\w+)/gm
/** Matches an import of values from an `index.ts`. */
const IMPORT = /^import \{([^}]+)\} from '([^']+)\/index\.ts'$/gm
/** Matches a value in the list of an import: `name` or `name as other`. */
const VALUE = /(?<=^|,)\s*(?!type )(\w+)( as \w+)?/g

/**
 * Returns a function that edits the text of a module: instead of a folder's `index.ts`, the module imports the
 * files that define the values which it needs. Otherwise a command would run all modules of the folder.
 * @param folder path of the folder, whose name no other folder with an `index.ts` may have
 */
export function directImports(folder: string): (text: string) => string {
  const files = new Map<string, string>()
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.ts')))
    for (const [, name = ''] of readFileSync(join(folder, file), 'utf8').matchAll(EXPORT)) {
      const other = files.get(name) ?? file
      if (other !== file) throw new Error(`${file} and ${other} both define ${name}`)
      files.set(name, file)
    }
  const target = `/${folder.split('/').at(-1)}`
  return (text) =>
    text.replace(IMPORT, (whole, list: string, path: string) => {
      if (!path.endsWith(target)) return whole
      if (/\/[/*]/.test(list)) throw new Error(`move the comment out of an import of ${path}`)
      const imports = [...list.matchAll(VALUE)].map(([as, name = '']) => {
        const file = files.get(name)
        if (file === undefined) throw new Error(`no file in ${folder} defines ${name}`)
        return `import { ${as.trim()} } from '${path}/${file}'`
      })
      // Keeps the number of lines, so that source maps are right.
      return imports.join('; ') + whole.replace(/[^\n]/g, '')
    })
}
