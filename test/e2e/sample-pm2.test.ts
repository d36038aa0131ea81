// Needs: ps
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { fakeAgent } from '../support/fake-agent.ts'
import { PROGRAM, RUN, Stage } from '../support/stage.ts'
import { testTool } from '../support/tool.ts'
import { until } from '../support/wait.ts'

/** A pm2 file as a user would write it, except for the address and the home folder. */
const sample = (script: string, url: string) => `module.exports = {
  apps: [
    {
      name: "fomular-daemon",
      script: "${script}",
      args: "--server-url ${url} --key $MACHINE_KEY",
      env: { FOMULAR_DAEMON_NO_SELF_RELAUNCH: "1" },
      autorestart: true,
      max_restarts: 50,
    },
  ],
};
`

/** Reads a file. Returns an empty string if the file does not exist. */
const read = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8') : '')

/**
 * The two possible reasons for an agent's exit. pm2 also signals the agent, which can then finish before the
 * daemon stops it.
 */
const ENDED = /^(stopped|finished)$/

interface Pm2Entry {
  pid: number
  pm2_env: { restart_time: number }
}

for (const program of ['a symbolic link of npm', 'an executable'])
  test(`the pm2 sample works with ${program}, and takes the key from the variable that the sample names`, async (t) => {
    const stage = await Stage.open(t, { FOMULAR_CLAUDE_PATH: fakeAgent(t) })
    await stage.hub()
    const home = stage.env.HOME!
    const script = join(home, '.fomular/bin/fomular-daemon')
    mkdirSync(join(home, '.fomular/bin'), { recursive: true })
    if (program === 'a symbolic link of npm') symlinkSync(PROGRAM, script)
    else {
      // pm2 runs a file without Node if the file does not look like text.
      writeFileSync(script, `#!/bin/sh\n# \0\0\0\0\nexec ${RUN.map((word) => `'${word}'`).join(' ')} "$@"\n`)
      chmodSync(script, 0o755)
    }
    const file = join(home, 'ecosystem.config.js')
    writeFileSync(file, sample(script, `ws://127.0.0.1:${stage.port}`))
    const key = readFileSync(join(stage.state, 'hub/machine.key'), 'utf8').trim()
    const PATH = `${await testTool('pm2', '7.0.4')}/.bin:${stage.env.PATH}`
    const pm2 = (args: string[], env: Record<string, string> = {}) =>
      promisify(execFile)('pm2', args, { env: { ...stage.env, PATH, ...env }, cwd: stage.cwd })
    const entry = async (): Promise<Pm2Entry> => {
      const { stdout } = await pm2(['jlist', '--silent'])
      return JSON.parse(stdout.slice(stdout.indexOf('[')))[0]
    }

    await pm2(['start', file])
    const log = (of: 'out' | 'error') => read(join(home, `.pm2/logs/fomular-daemon-${of}.log`))
    // Fifty starts can take minutes on a busy machine. Two refusals are enough to show that each start is
    // refused.
    const said = await until(
      () => {
        const text = log('error')
        return text.split('→ Set MACHINE_KEY ').length > 2 && text
      },
      { what: 'two refusals', timeoutMs: 120_000 },
    )
    assert.equal((await entry()).pm2_env.restart_time > 0, true)
    assert.match(
      said,
      /error: --key: it reads \$MACHINE_KEY, .* there is no variable MACHINE_KEY\.\n {2}→ Set MACHINE_KEY /,
    )
    assert.equal(await stage.machine(), undefined)

    // Kills pm2. Otherwise, pm2 could restart the old program, and the test would not notice.
    await pm2(['kill'])
    await pm2(['start', file], { MACHINE_KEY: key })
    await until(async () => (await stage.machine())?.connected, {
      timeoutMs: 120_000,
      what: 'the daemon at the hub',
      seen: () => read(join(home, '.pm2/pm2.log')) + log('out') + log('error'),
    })
    const agent = await stage.start()
    const { pid } = await stage.agentIs(agent, 'idle')
    assert.ok(!readFileSync(`/proc/${pid}/environ`, 'utf8').includes(key))

    // The daemon restarts itself, as it does for an update, so pm2 does not end any process.
    await stage.renew()
    assert.equal((await stage.agentIs(agent, 'idle')).pid, pid)

    // pm2 restarts the daemon: it signals the daemon and its child processes, and waits up to 1.6 s.
    await stage.renew(() => pm2(['restart', 'fomular-daemon']))
    assert.match((await stage.agentIs(agent, 'exited')).exit?.reason ?? '', ENDED)
    assert.deepEqual(stage.agentProcesses(agent), [])

    const another = await stage.start({ prompt: 'hang' })
    await stage.agentIs(another, 'working')
    await pm2(['stop', 'fomular-daemon'])
    await until(async () => !(await stage.machine())?.connected, { what: 'the end of the daemon' })
    assert.match((await stage.agentIs(another, 'exited')).exit?.reason ?? '', ENDED)
    assert.deepEqual(stage.agentProcesses(another), [])
  })
