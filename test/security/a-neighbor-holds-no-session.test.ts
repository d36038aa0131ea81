// Needs: root, setpriv
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { test } from 'node:test'
import { checkSessionElsewhere } from '../../src/agents/process/sessions.ts'
import { claude } from '../../src/agents/runtimes/claude/index.ts'
import { commandLines } from '../../src/platform/process-list.ts'
import { tempDir } from '../support/temp.ts'
import { until } from '../support/wait.ts'

const SESSION = '6f0d1f6e-0c51-4f0e-9d6a-3a1f5b8a7c11'

test('a process of the agent’s user can hold the agent’s session, but a process of another user cannot', async (t) => {
  const env = { HOME: tempDir(t) }
  const claims = async (...as: string[]) => {
    const argv = [...as, 'sh', '-c', 'sleep 600; :', 'claude', '--resume', SESSION]
    const child = spawn(argv[0]!, argv.slice(1), { stdio: 'ignore', detached: true })
    t.after(() => process.kill(-child.pid!, 'SIGKILL'))
    const isThere = () => commandLines().some(({ pid, argv: now }) => pid === child.pid && now[0] === 'sh')
    await until(isThere, { what: 'the process that claims the session' })
  }
  const check = () => checkSessionElsewhere(claude, SESSION, { env, agents: [] })
  await claims('setpriv', '--reuid=65534', '--regid=65534', '--clear-groups')
  check()
  await claims()
  assert.throws(check, /is running in session/)
})
