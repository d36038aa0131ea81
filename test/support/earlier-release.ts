// Needs: git
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { buildProgram } from '../../packaging/program.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Commit of the previous release. Test machines run that release, update from it, and return to it. */
const COMMIT = 'cc3fa4690bd78b5930578bb03025aa2552713177'
/** Version that the previous release reports. */
export const EARLIER = '1.0.0'

/** Reports whether this checkout, which may be a shallow clone, has the previous release in its history. */
export function hasCommit(): boolean {
  try {
    execFileSync('git', ['cat-file', '-e', `${COMMIT}^{commit}`], { cwd: root, stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Returns the previous release's program. It is built once, with the packages of this checkout. */
export const earlierRelease = async (): Promise<string> =>
  readFileSync(await builtOnce('plain', build), 'utf8')

/**
 * Calls `make` once to build a file from the previous release, and keeps the file.
 * @returns the file's path
 */
export async function builtOnce(name: string, make: () => Promise<Uint8Array>): Promise<string> {
  const packages = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')
  const cache = join(root, 'node_modules/.cache/earlier-release')
  const path = join(cache, `${COMMIT.slice(0, 12)}-${packages.slice(0, 12)}-${name}.cjs`)
  if (!existsSync(path)) {
    mkdirSync(cache, { recursive: true })
    writeFileSync(`${path}.${process.pid}`, await make())
    renameSync(`${path}.${process.pid}`, path)
  }
  return path
}

/** Puts the program of the previous release into `dir`. @returns the command that runs the program */
export async function earlierCommand(dir: string): Promise<[string, string]> {
  const path = join(dir, 'earlier.cjs')
  writeFileSync(path, await earlierRelease())
  return [process.execPath, path]
}

/** Puts the files of the previous release into `dir`, with the packages of this checkout. */
export function unpack(dir: string) {
  const archive = execFileSync('git', ['archive', COMMIT], { cwd: root, maxBuffer: 256 * 1024 * 1024 })
  execFileSync('tar', ['-x', '-C', dir], { input: archive })
  symlinkSync(join(root, 'node_modules'), join(dir, 'node_modules'))
}

/** The functions in the previous release's `packaging/program.ts` that build its program as a single file. */
interface EarlierPackaging {
  buildProgram: typeof buildProgram
  wrapProgram(code: Uint8Array): Promise<Uint8Array>
}

async function build(): Promise<Buffer> {
  if (!hasCommit())
    throw new Error(
      'This clone lacks the history from which the test builds the previous release. Run git fetch --unshallow.',
    )
  const dir = mkdtempSync(join(tmpdir(), 'earlier-release-'))
  try {
    unpack(dir)
    const packaging: EarlierPackaging = await import(pathToFileURL(join(dir, 'packaging/program.ts')).href)
    const define = { FOMULAR_VERSION: JSON.stringify(EARLIER) }
    const { code } = await packaging.buildProgram({ executable: false }, { define })
    return Buffer.from(await packaging.wrapProgram(code))
  } finally {
    rmSync(dir, { recursive: true })
  }
}
