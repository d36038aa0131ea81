import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'

/** Length of a program hash, in hexadecimal digits. The hash is the name of the folder with the chunks. */
const DIGITS = 16

/**
 * Returns the hash of the names and contents of a program's chunks, in hexadecimal.
 * @param chunks content of each chunk, by file name
 */
export function programHash(chunks: Readonly<Record<string, string | Uint8Array>>): string {
  const hash = createHash('sha256')
  for (const name of Object.keys(chunks).sort()) {
    const size = Buffer.byteLength(chunks[name]!)
    hash.update(`${name} ${size}\n`).update(chunks[name]!)
  }
  return hash.digest('hex').slice(0, DIGITS)
}

/** Returns the problem with a folder of chunks; undefined if its files are the same as in the build. */
export function damageOf(dir: string): string | undefined {
  try {
    const names = readdirSync(dir).filter((name) => /\.js(\.map)?$/.test(name))
    const chunks = names.map((name) => [name, readFileSync(join(dir, name))] as const)
    return programHash(Object.fromEntries(chunks)) === basename(dir)
      ? undefined
      : `a file in ${dir} is missing, damaged or changed`
  } catch (error) {
    return `the program cannot be read: ${(error as Error).message}`
  }
}
