import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { hubUnitText } from '../../src/service/hub-unit.ts'
import { plistText } from '../../src/service/launchd.ts'
import type { ServicePlan } from '../../src/service/plan.ts'
import { unitText } from '../../src/service/unit.ts'
import { fakeStage } from '../support/fake-agent.ts'
import { RUN } from '../support/stage.ts'

const plan: ServicePlan = {
  runs: 'daemon',
  name: 'fomular-daemon',
  runner: [process.execPath],
  program: '/opt/fomular-daemon',
  args: ['run'],
  account: { name: 'games', uid: 5, gid: 60, home: '/home/me', shell: '/bin/sh' },
  path: '/usr/bin',
  ownKey: true,
  environment: {},
  stateDir: '/var/lib/fomular-daemon',
  usualStateDir: true,
  installation: '/opt',
  stopSeconds: 50,
}
const root = { ...plan, account: { ...plan.account, name: 'root', uid: 0 } }

test('every unit makes its service write no core files, and no files that others can read', () => {
  for (const scope of ['system', 'user'] as const)
    for (const version of [245, 252, 254, undefined]) {
      const facts = { version, scope }
      const texts = [plan, root, { ...plan, runs: 'up' as const }].map((each) => unitText(each, facts))
      for (const text of [...texts, hubUnitText({ ...plan, runs: 'hub' }, facts)]) {
        assert.match(text, /^LimitCORE=0$/m)
        assert.match(text, /^UMask=0077$/m)
      }
      for (const text of texts) assert.match(text, /^Environment=FOMULAR_DAEMON_AGENT_UMASK=0022$/m)
    }
  const job = plistText(plan)
  assert.match(job, /<key>Umask<\/key>\s*<integer>63<\/integer>/)
  assert.match(job, /<key>HardResourceLimits<\/key>\s*<dict>\s*<key>Core<\/key>\s*<integer>0<\/integer>/)
})

test('the samples for other supervisors make the service write no core files, and no files that others can read', () => {
  const page = readFileSync(new URL('../../src/service/supervisors.md', import.meta.url), 'utf8')
  const sample = (heading: string) => page.slice(page.indexOf(`## ${heading}\n`)).split('\n## ')[0]!
  for (const heading of ['supervisord', 'runit', 's6', 'OpenRC']) {
    assert.match(sample(heading), /^umask[= ]077$/m)
    assert.match(sample(heading), /FOMULAR_DAEMON_AGENT_UMASK="?022/)
  }
  for (const heading of ['runit', 's6', 'OpenRC']) assert.match(sample(heading), /-c 0/)
})

test('the unit in the documentation makes its service write no core files, and no files that others can read', () => {
  const page = readFileSync(new URL('../../src/service/README.md', import.meta.url), 'utf8')
  const [, sample = ''] = /```ini\n(.*?)```/s.exec(page) ?? []
  for (const line of ['LimitCORE=0', 'UMask=0077', 'Environment=FOMULAR_DAEMON_AGENT_UMASK=0022'])
    assert.ok(sample.includes(`\n${line}\n`), line)
})

/**
 * Starts the daemon with a umask, and then an agent.
 * @returns the umasks of the daemon and the agent, the test's stage, and the agent's process id
 */
async function umasks(t: TestContext, umask: string, env: Record<string, string>) {
  const stage = await fakeStage(t, env)
  await stage.hub()
  const start = join(stage.dir, 'start.sh')
  writeFileSync(start, `umask ${umask}; ulimit -c 0; exec "$@"\n`)
  stage.daemonCommand = ['/bin/sh', start, ...RUN]
  const daemon = await stage.daemon()
  const { pid } = await stage.agentIs(await stage.start(), 'idle')
  const of = (process: number) =>
    Number.parseInt(/^Umask:\s+(\d+)$/m.exec(readFileSync(`/proc/${process}/status`, 'utf8'))![1]!, 8)
  return { daemon: of(daemon.pid), agent: of(pid!), stage, pid }
}

test('a daemon in a unit writes private files, and its agents keep their usual umask', async (t) => {
  const unit = { FOMULAR_DAEMON_AGENT_UMASK: '0022' }
  const { daemon, agent, stage } = await umasks(t, '0077', unit)
  assert.deepEqual([daemon, agent], [0o077, 0o022])
  const open = readdirSync(stage.state, { recursive: true, encoding: 'utf8' })
    .map((name) => join(stage.state, name))
    .filter((path) => !path.endsWith('/claude') && (statSync(path).mode & 0o077) !== 0)
  assert.deepEqual(open, [])
})

test("an administrator's umask applies to the daemon and its agents", async (t) => {
  const { daemon, agent } = await umasks(t, '0007', { FOMULAR_DAEMON_AGENT_UMASK: '0022' })
  assert.deepEqual([daemon, agent], [0o007, 0o007])
})

test("without a unit, agents have the daemon's umask", async (t) => {
  const { daemon, agent } = await umasks(t, '0077', {})
  assert.deepEqual([daemon, agent], [0o077, 0o077])
})
