import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { readAtMost } from '../../../src/platform/read-at-most.ts'
import { tempDir } from '../../support/temp.ts'

const module = new URL('../../../src/platform/read-at-most.ts', import.meta.url)
const program = `
  import { readAtMost } from ${JSON.stringify(module)}
  console.log(readAtMost(process.argv.at(-1), 100).text)`

/** Reads a file in a separate process: a shell command passes the file as the last argument. */
const read = (command: string, file = '') =>
  promisify(execFile)('bash', ['-c', command, process.execPath, program, file])

test('a read from a pipe waits for its writer', async () => {
  const { stdout } = await read(
    '"$0" --input-type=module -e "$1" <(sleep 0.5; printf "a "; sleep 0.5; printf key)',
  )
  assert.equal(stdout, 'a key\n')
})

test('a pipe without a writer counts as empty, and an endless pipe causes an error', async (t) => {
  const path = join(tempDir(t), 'pipe')
  execFileSync('mkfifo', [path])
  assert.equal(readAtMost(path, 100).text, '')
  await assert.rejects(
    read('exec 3<>"$2"; "$0" --input-type=module -e "$1" "$2"', path),
    /a pipe that has not ended/,
  )
  assert.throws(() => readAtMost('/dev/zero', 100), /longer than 100 bytes/)
})
