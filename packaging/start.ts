/**
 * The beginning of `dist/index.js`. Reading, compiling, and first running the program takes two thirds of the
 * time that a daemon needs to connect. So the program is kept here as text, and V8's compiled code in the
 * state folder: a start that finds it skips most of that work. Missing or outdated code only makes the start
 * slower. The text is a comment within a function, which V8 skips ten times as fast as a string.
 */
import { createHash } from 'node:crypto'
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { Script } from 'node:vm'
import { stateDir } from '../src/config/paths.ts'

/** Contains the program, each line behind `//`. The build appends it to this file. */
declare function program(): void
/** Hash of the program. V8 itself only compares the length of the text. */
declare const BUILD: string

/**
 * Long-running commands, each with its own compiled code. All other commands use the code that `run` saved.
 */
const LASTING = ['run', 'up', 'hub']
/**
 * Delay until the code is saved, in milliseconds: by then a daemon has run the functions that a start needs.
 */
const SAVE_AFTER_MS = 5000
const DIGEST_BYTES = 32

const [, , first = 'run', ...rest] = process.argv
const command = first.startsWith('-') ? 'run' : first
const args = [first, ...rest]
const flag = args.find((arg) => arg.startsWith('--state-dir='))?.slice('--state-dir='.length)
const dir = flag ?? args[args.indexOf('--state-dir') + 1 || args.length] ?? usualDir()
const name = `compiled-${LASTING.includes(command) ? command : 'run'}.bin`

function usualDir(): string {
  try {
    return stateDir(process.env)
  } catch {
    // The program itself reports the problem.
    return '/dev/null'
  }
}

/** Returns a hash of the code, this build, and this Node: V8 trusts the code that it is given. */
const digest = (code: Buffer) =>
  createHash('sha256').update(`${BUILD} ${process.version} ${process.arch}\n`).update(code).digest()

/**
 * Calls `act` with the descriptor of a file or folder that only this user can change.
 * @throws if it is missing, or another user owns it or can change it
 */
function withOwn<T>(path: string, flags: number, act: (fd: number) => T): T {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | flags)
  try {
    const { uid, mode } = fstatSync(fd)
    if (uid !== process.geteuid?.() || (mode & 0o022) !== 0) throw new Error(`other users can change ${path}`)
    return act(fd)
  } finally {
    closeSync(fd)
  }
}

/**
 * Calls `act` with the file's path, which names the folder by its descriptor: another user who owns a parent
 * folder could otherwise replace it between two calls. Without `/proc`, nothing is kept.
 */
const inFolder = <T>(act: (path: string) => T): T =>
  withOwn(dir, constants.O_DIRECTORY, (fd) => act(`/proc/self/fd/${fd}/${name}`))

function load(): Buffer | undefined {
  try {
    const bytes = inFolder((path) => withOwn(path, constants.O_NOFOLLOW, (fd) => readFileSync(fd)))
    const code = bytes.subarray(DIGEST_BYTES)
    return digest(code).equals(bytes.subarray(0, DIGEST_BYTES)) ? code : undefined
  } catch {
    return undefined
  }
}

function save(script: Script) {
  try {
    inFolder((path) => put(path, script.createCachedData()))
  } catch {
    // The next start compiles again.
  }
}

function put(path: string, code: Buffer) {
  const temp = `${path}.${process.pid}.tmp`
  try {
    writeFileSync(temp, Buffer.concat([digest(code), code]), { mode: 0o600, flag: 'wx' })
    renameSync(temp, path)
  } catch {
    rmSync(temp, { force: true })
  }
}

/** Returns the program's text, wrapped in the function that Node passes a CommonJS module's variables to. */
function source(): string {
  const text = program.toString()
  const lines = text.slice(text.indexOf('\n'), text.lastIndexOf('\n')).replaceAll('\n//', '\n')
  return `(function(exports,require,module,__filename,__dirname){${lines}\n})`
}

function compile(): Script {
  const cachedData = load()
  const script = new Script(source(), { filename: __filename, ...(cachedData && { cachedData }) })
  if (LASTING.includes(command) && (!cachedData || script.cachedDataRejected))
    setTimeout(save, SAVE_AFTER_MS, script).unref()
  return script
}

compile().runInThisContext()(exports, require, module, __filename, __dirname)
