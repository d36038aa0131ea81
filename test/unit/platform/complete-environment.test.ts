import assert from 'node:assert/strict'
import { userInfo } from 'node:os'
import { dirname } from 'node:path'
import { test } from 'node:test'
import { completeEnvironment } from '../../../src/platform/complete-environment.ts'

const complete = (env: NodeJS.ProcessEnv, executable = false) => {
  completeEnvironment(env, { executable })
  return env
}

test('an environment from cron gets HOME, and the usual program folders on PATH', () => {
  const { HOME, PATH } = complete({ PATH: '/usr/bin:/bin' })
  assert.equal(HOME, userInfo().homedir)
  const folders = PATH!.split(':')
  assert.deepEqual(folders.slice(0, 2), ['/usr/bin', '/bin'])
  for (const dir of ['/usr/local/bin', '/usr/sbin', `${HOME}/.local/bin`, dirname(process.execPath)])
    assert.ok(folders.includes(dir), dir)
  assert.equal(new Set(folders).size, folders.length)
})

test('an empty environment, or an environment with empty variables, gets HOME and PATH', () => {
  for (const env of [{}, { HOME: '', PATH: '' }]) {
    const { HOME, PATH } = complete(env, true)
    assert.equal(HOME, userInfo().homedir)
    assert.match(PATH!, /^\/usr\/local\/sbin:/)
  }
})

test('an environment that was set deliberately stays unchanged', () => {
  for (const PATH of ['/opt/tools', '/usr/local/bin:/usr/bin', '/opt/tools:/usr/bin:/bin'])
    assert.deepEqual(complete({ HOME: '/srv/agents', PATH }), { HOME: '/srv/agents', PATH })
})
