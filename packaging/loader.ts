/**
 * Loads the chunks of the program, and keeps their compiled form in a folder next to them. This is the first
 * file of the program that runs.
 *
 * Node can keep compiled code, too, but only the form that a file has before it runs. V8 then compiles each
 * function again when the program calls it. This loader keeps the functions that a start has called.
 *
 * V8 trusts compiled code. For that reason the folder belongs to this user, and no other user may enter it.
 * Users who can replace the folder can also replace the program itself. If the program belongs to another
 * user, no compiled form is kept, because the program's owner could not delete a folder that belongs to this
 * user.
 */
import {
  closeSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { Script } from 'node:vm'
import { COMPILE_CACHE } from '../src/platform/chunks.ts'
import { EXIT } from '../src/platform/exit-codes.ts'
import { chunkLoader, wrapped } from './chunk-loader.ts'

/** Long-running commands. */
const LASTING = ['run', 'up', 'hub']
/**
 * Delay until a long-running command saves the compiled form, in milliseconds. By then, a daemon has run the
 * functions that it needs to start.
 */
const SAVE_AFTER_MS = 5000
/** Maximum number of commands whose compiled form is kept. */
const MOST_COMMANDS = 48
/** Bytes at the start of a file of compiled code that identify the source and the compiled code. */
const STAMP_BYTES = 96

/** Chunks that were read, and not compiled yet. */
const sources = new Map<string, ReturnType<typeof read>>()
/** Chunks that V8 had to compile, with the stamps of their files. */
const compiled = new Map<string, { script: Script; stamp: string }>()
const node = createRequire(__filename)
const folder = orUndefined(keptFolder)

/** Compiles a chunk, or takes the kept compiled form. */
function compile(name: string): Script {
  const filename = join(__dirname, name)
  const { source, stamp } = sources.get(name) ?? read(filename)
  sources.delete(name)
  const code = wrapped(source)
  if (folder === undefined) return new Script(code, { filename })
  const cachedData = orUndefined(() => kept(join(folder, name), stamp))
  const script = new Script(code, { filename, ...(cachedData && { cachedData }) })
  if (!cachedData || script.cachedDataRejected) compiled.set(name, { script, stamp })
  return script
}

/**
 * Reads a chunk.
 * @returns the source, and a stamp of the file. Each change of a file changes its stamp, because it also changes
 * the time of the last change
 */
function read(path: string) {
  const file = openSync(path, 'r')
  try {
    const { ino, size, mtimeNs, ctimeNs } = fstatSync(file, { bigint: true })
    return { source: readFileSync(file, 'utf8'), stamp: `${ino} ${size} ${mtimeNs} ${ctimeNs}` }
  } finally {
    closeSync(file)
  }
}

/**
 * Identifies compiled code. V8 does not notice damaged code, and crashes when it runs this code. A power
 * failure damages whole blocks of a file, so one word in 64 bytes is enough, and takes a tenth of the time.
 */
function sumOf({ buffer, byteOffset, length }: Buffer): number {
  const words = new Int32Array(buffer, byteOffset, length >> 2)
  let sum = length
  for (let at = 0; at < words.length; at += 16) sum = (Math.imul(sum, 31) + words[at]!) | 0
  return sum
}

const headOf = (stamp: string, data: Buffer) => `${stamp} ${sumOf(data)}`.padEnd(STAMP_BYTES)

/** Returns the kept compiled form of a chunk; undefined if it is damaged, or if its source was changed. */
function kept(path: string, stamp: string): Buffer | undefined {
  const content = readFileSync(path)
  const data = content.subarray(STAMP_BYTES)
  return content.toString('latin1', 0, STAMP_BYTES) === headOf(stamp, data) ? data : undefined
}

function save() {
  if (folder === undefined || compiled.size === 0) return
  makeRoom(folder)
  // Not recursive: if the program was removed in the meantime, nothing of it may come back.
  orUndefined(() => mkdirSync(folder, { mode: 0o700 }))
  // A process that was killed may have left files.
  for (const name of readdirSync(folder))
    if (!name.endsWith('.js')) rmSync(join(folder, name), { force: true })
  for (const [name, { script, stamp }] of compiled) {
    const data = script.createCachedData()
    // Processes in different containers can have the same id.
    const temporary = join(folder, `${name}.${process.pid}.${Math.random()}`)
    const content = Buffer.concat([Buffer.from(headOf(stamp, data)), data])
    try {
      writeFileSync(temporary, content, { mode: 0o600, flag: 'wx' })
      renameSync(temporary, join(folder, name))
    } finally {
      // A full disk leaves a part of the file.
      rmSync(temporary, { force: true })
    }
  }
  compiled.clear()
}

/** Deletes all compiled code if that of too many commands, or of earlier versions of Node, is kept. */
function makeRoom(own: string) {
  const all = dirname(own)
  const known = readdirSync(all)
  if (known.includes(basename(own)) || known.length < MOST_COMMANDS) return
  for (const name of known) rmSync(join(all, name), { recursive: true, force: true })
}

/** Returns the folder for the compiled form of this command's code; undefined if none may be kept. */
function keptFolder(): string | undefined {
  const command = commandOf(process.argv)
  // An update runs `self-check` before the program is in its final folder.
  if (command === 'self-check' || lstatSync(__dirname).uid !== process.geteuid?.()) return undefined
  const all = join(__dirname, COMPILE_CACHE)
  orUndefined(() => mkdirSync(all, { mode: 0o700 }))
  const stat = lstatSync(all)
  if (stat.uid !== process.geteuid?.() || !stat.isDirectory() || (stat.mode & 0o077) !== 0) return undefined
  // Different builds of the same version of Node may differ in V8.
  const { size } = statSync(process.execPath)
  return join(all, `${command} ${process.version}-${process.arch}-${size}`)
}

/** Returns the command as one or two words, such as `agent list`. */
function commandOf([, , first = 'run', second = '']: string[]): string {
  if (first === '--help' || first === '-h') return 'help'
  if (first.startsWith('-')) return 'run'
  const words = LASTING.includes(first) ? [first] : [first, second]
  return words.filter((word) => /^[a-z][a-z-]{0,19}$/.test(word)).join(' ') || 'other'
}

/** Returns undefined instead of an error: without the compiled form, the program only starts more slowly. */
function orUndefined<T>(run: () => T): T | undefined {
  try {
    return run()
  } catch {
    return undefined
  }
}

if (LASTING.includes(commandOf(process.argv))) setTimeout(() => orUndefined(save), SAVE_AFTER_MS).unref()
// A command that fails has not called all of its functions, or does not exist.
else process.on('exit', (code) => code === EXIT.ok && orUndefined(save))
// Only Node's own loader reads source maps.
if ((process as { sourceMapsEnabled?: boolean }).sourceMapsEnabled) node('./main.js')
else {
  const files = { compile, read: (name: string) => void sources.set(name, read(join(__dirname, name))) }
  chunkLoader(node, __dirname, files).load('./main.js')
}
