import assert from 'node:assert/strict'
import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { VERSION } from '../../../../src/platform/version.ts'
import type { UpdateFailure } from '../../../../src/update/failure.ts'
import { prove } from '../../../../src/update/fetch/prove.ts'
import { programCopy } from '../../../support/program-copy.ts'
import { tempDir } from '../../../support/temp.ts'

type Damage = (path: string) => void
const DAMAGES: Record<string, Damage> = {
  missing: (path) => rmSync(path),
  truncated: (path) => truncateSync(path, readFileSync(path).lastIndexOf('\n// src/')),
  changed: (path) => writeFileSync(path, readFileSync(path, 'utf8').replace('function ', 'function  ')),
}

const isUnproven = ({ error }: UpdateFailure) =>
  error.code === 'update_unproven' &&
  /missing, damaged or changed|`self-check` ended with exit code 1/.test(error.message)

describe('the test of a new version', () => {
  const options = (program: string, stateDir: string) => ({
    program,
    version: VERSION,
    stateDir,
    runner: [process.execPath],
    env: { PATH: process.env.PATH, HOME: stateDir },
    signal: new AbortController().signal,
  })

  test('an update accepts a new version whose program is undamaged', async (t) => {
    await prove(options(programCopy(t).program, tempDir(t)))
  })

  test('an update refuses a new version whose program lacks one of its chunks', async (t) => {
    const { chunks, program } = programCopy(t)
    const stateDir = tempDir(t)
    for (const name of readdirSync(chunks).filter((name) => name.endsWith('.js'))) {
      const path = join(chunks, name)
      const code = readFileSync(path)
      rmSync(path)
      await assert.rejects(prove(options(program, stateDir)), isUnproven, name)
      writeFileSync(path, code)
    }
  })

  for (const [how, damage] of Object.entries(DAMAGES))
    test(`an update refuses a new version whose program has a chunk that is ${how}`, async (t) => {
      const { chunks, program } = programCopy(t)
      damage(join(chunks, 'daemon.js'))
      await assert.rejects(prove(options(program, tempDir(t))), isUnproven)
    })
})
