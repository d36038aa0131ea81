/**
 * Answers `--version`, and loads the chunks of the program, which are assets of the executable. This is the
 * first code of an executable that runs. V8 therefore reads only the code that a command needs.
 */
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { getRawAsset } from 'node:sea'
import { Script } from 'node:vm'
import { chunkLoader, wrapped } from './chunk-loader.ts'

declare const FOMULAR_VERSION: string

/** Compiles a chunk, which is ASCII. */
function compile(name: string): Script {
  const source = Buffer.from(getRawAsset(name.slice(2))).toString('latin1')
  return new Script(wrapped(source), { filename: name.slice(2) })
}

if (process.argv.length === 3 && process.argv[2] === '--version') console.log(FOMULAR_VERSION)
else {
  const files = { compile, read() {} }
  chunkLoader(createRequire(process.execPath), dirname(process.execPath), files).load('./main.js')
}
