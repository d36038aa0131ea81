import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { PROTOCOL } from '../../../../src/protocol/index.ts'
import { UpdateFailure } from '../../../../src/update/failure.ts'
import { checkPackage, prove } from '../../../../src/update/fetch/prove.ts'
import { tempDir } from '../../../support/temp.ts'

const fine = {
  ok: true,
  version: '1.0.0',
  node: process.versions.node,
  protocol: { ...PROTOCOL },
  problems: [] as string[],
}

test('a version that fails its proof is refused, with the explanation that it printed', async (t) => {
  const dir = tempDir(t)
  const program = join(dir, 'program.cjs')
  const { signal } = new AbortController()
  const proven = async (answer: string, code: number) => {
    writeFileSync(
      program,
      `console.log(process.argv[2] === '--version' ? '1.0.0' : ${JSON.stringify(answer)})
if (process.argv[2] !== '--version') process.exitCode = ${code}`,
    )
    const options = { program, version: '1.0.0', stateDir: dir, runner: [process.execPath], env: {}, signal }
    return prove(options).then(
      () => 'proven',
      (error) => {
        assert.ok(error instanceof UpdateFailure)
        assert.equal(error.error.code, 'update_unproven')
        return error.message
      },
    )
  }
  assert.equal(await proven(JSON.stringify(fine), 0), 'proven')
  const refuses = { ...fine, ok: false, problems: ['runtimes.json: has format 9', 'and more'] }
  // Earlier versions exit with 1.
  for (const code of [0, 1])
    assert.match(
      await proven(JSON.stringify(refuses), code),
      /failed: runtimes\.json: has format 9; and more\./,
    )
  assert.match(await proven('{}', 0), /output of its self-check is not valid/)
  assert.match(await proven('', 1), /`self-check` ended with exit code 1/)
  const many = Array.from({ length: 2000 }, (_, number) => `problem ${number}`)
  const long = await proven(JSON.stringify({ ...fine, ok: false, problems: many }), 0)
  assert.match(long, /problem 4 and 1995 more\.$/)
  // When parsed, an answer with many small values would need far more memory than its text.
  const answer = { ...fine, more: Array(300_000).fill({}) }
  assert.match(await proven(JSON.stringify(answer), 0), /output of its self-check is not valid/)
})

const nested = (levels: number): unknown => JSON.parse('['.repeat(levels) + ']'.repeat(levels))

test('an unusually large package.json is refused', (t) => {
  const dir = tempDir(t)
  const release = { name: 'a', version: '1.0.0', dist: { integrity: '', tarball: '' } }
  const put = (description: unknown) =>
    writeFileSync(join(dir, 'package.json'), JSON.stringify({ name: 'a', version: '1.0.0', description }))
  put('short')
  checkPackage(dir, release, 'a')
  for (const description of ['x'.repeat(1024 * 1024), Array(200_000).fill({}), nested(2000)]) {
    put(description)
    assert.throws(() => checkPackage(dir, release, 'a'), UpdateFailure)
  }
})
