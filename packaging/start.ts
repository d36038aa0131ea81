/**
 * What `dist/index.js` begins with. V8 reads, compiles and first runs the program in two thirds of the time that a daemon
 * takes to connect. So the program is here as text, and what V8 has made of it is kept in the state folder: a start that
 * finds it there skips most of that. Without it, or with one that does not fit, everything goes the same, only slower.
 * The text is a comment within a function, which V8 passes over ten times as fast as over a string.
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

/** Holds the program, each line behind `//`. Put at the end of the file when it is built. */
declare function program(): void
/** Differs between any two builds. V8 itself only compares the length of the text. */
declare const BUILD: string

/** These run for long, each with other parts of the program. What else there is makes do with what the daemon left. */
const LASTING = ['run', 'up', 'hub']
/** By then a daemon has run what a start needs. */
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
    // What is wrong with it is said by the program itself.
    return '/dev/null'
  }
}

/** Vouches for the content, and that it is for this build on this Node: V8 believes what it is given. */
const digest = (code: Buffer) =>
  createHash('sha256').update(`${BUILD} ${process.version} ${process.arch}\n`).update(code).digest()

/**
 * Calls `act` with the descriptor of a file or folder that only this user can change.
 * @throws where it is another's, or not there
 */
function withOwn<T>(path: string, flags: number, act: (fd: number) => T): T {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | flags)
  try {
    const { uid, mode } = fstatSync(fd)
    if (uid !== process.geteuid?.() || (mode & 0o022) !== 0)
      throw new Error(`${path} is not this user's alone`)
    return act(fd)
  } finally {
    closeSync(fd)
  }
}

/**
 * Calls `act` with the file's path. It names the folder by its descriptor: in a folder of another user, a name may lead
 * somewhere else at each look. Without `/proc` nothing is kept.
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
    // The next start is as slow as this one was.
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

/** The program as a function of what Node gives a CommonJS module. */
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
