import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { PROGRAM } from '../../../support/stage.ts'
import { tempDir } from '../../../support/temp.ts'

test('on Windows, the daemon does not start, and refers to WSL', async (t) => {
  const env = { PATH: process.env.PATH, HOME: tempDir(t), FOMULAR_KEY: 'k' }
  const pretend = `Object.defineProperty(process, 'platform', { value: 'win32' }); require(${JSON.stringify(PROGRAM)})`
  for (const command of ['run', 'up'])
    await assert.rejects(
      promisify(execFile)(process.execPath, ['--eval', pretend, 'fomular-daemon', command], { env }),
      ({ code, stderr }: { code: number; stderr: string }) =>
        code === 4 && /runs in WSL.*\n.*wsl --install/.test(stderr),
    )
})
