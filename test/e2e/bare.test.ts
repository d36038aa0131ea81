// Needs: tmux
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fakeAgent } from '../support/fake-agent.ts'
import { RUN, Stage } from '../support/stage.ts'
import { until } from '../support/wait.ts'

/** Common ways to run a daemon without a service manager: each shell script runs its arguments. */
const STARTS: [string, string][] = [
  // Cron mails the output, and the program that reads it can exit early.
  ['from cron, with its output to a closed pipe', '("$@" </dev/null 2>&1 | head -n 1) &'],
  ['with nohup and without a terminal', 'setsid nohup "$@" </dev/null >/dev/null 2>&1 &'],
  ['with all standard streams closed', '"$@" <&- >&- 2>&- &'],
  ['from a shell that exits, as in rc.local', '(setsid sh -c \'"$@" & sleep 0.1\' sh "$@") </dev/null &'],
  [
    'in tmux, before its session is killed',
    'tmux -S "$TMUX_SOCKET" -f /dev/null new-session -d -s s "$(printf "\'%s\' " "$@")"; until [ -S "$FOMULAR_STATE_DIR/daemon.sock" ]; do sleep 0.1; done; tmux -S "$TMUX_SOCKET" kill-session -t s',
  ],
]

for (const [how, script] of STARTS)
  test(`a daemon that is started ${how} connects, restarts itself with its agents alive, and stops`, async (t) => {
    const stage = await Stage.open(t, { FOMULAR_CLAUDE_PATH: fakeAgent(t) })
    await stage.hub()
    const key = readFileSync(join(stage.state, 'hub/machine.key'), 'utf8').trim()
    const { HOME, FOMULAR_STATE_DIR, FOMULAR_CLAUDE_PATH, TEST_STAGE } = stage.env
    // Set only a few variables, as cron does.
    const little = Object.entries({
      HOME,
      FOMULAR_STATE_DIR,
      FOMULAR_CLAUDE_PATH,
      TEST_STAGE,
      PATH: '/usr/bin:/bin',
    })
    const words = little.map(([name, value]) => `${name}=${value}`)
    const command = ['env', '-i', ...words, `TMUX_SOCKET=${stage.dir}/tmux`, 'sh', '-c', script, 'sh', ...RUN]
    stage.run(['--server-url', `ws://127.0.0.1:${stage.port}`, '--key', key], {}, command)
    await until(async () => (await stage.machine())?.connected, { what: 'the daemon at the hub' })
    const agent = await stage.start()
    const { pid } = await stage.agentIs(agent, 'idle')
    const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
    assert.match(environment.find((line) => line.startsWith('PATH=')) ?? '', /\/usr\/local\/bin/)
    assert.ok(!environment.some((line) => line.includes(key)))

    await stage.renew()
    assert.equal((await stage.agentIs(agent, 'idle')).pid, pid)

    const stopped = stage.run(['stop'])
    assert.equal(await stopped.ended, 0, stopped.log())
    assert.deepEqual((await stage.agentIs(agent, 'exited')).exit, { code: 0, reason: 'stopped' })
  })
