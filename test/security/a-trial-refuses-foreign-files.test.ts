// Needs: root
import assert from 'node:assert/strict'
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { VERSION } from '../../src/platform/version.ts'
import { peekRecord, writeRecord } from '../../src/update/record.ts'
import { putStandIn } from '../../src/update/switch/place.ts'
import { standIn } from '../../src/update/switch/trial.ts'
import { asLeftBefore, machine, toOther } from '../support/foreign-files.ts'
import { Stage } from '../support/stage.ts'
import { until } from '../support/wait.ts'

/** Puts this version on trial in a state folder, as the previous version would do. */
function putOnTrialIn(state: string, dir: string) {
  const root = join(dir, 'installed')
  const trial = {
    id: 'a-trial',
    layout: 'package' as const,
    root,
    program: 'program.cjs',
    next: join(root, '.update/next'),
    previous: join(root, '.update/previous.cjs'),
    entry: join(root, 'program.cjs'),
    previous_entry: join(root, 'program.cjs'),
    args: [],
    confirm_ms: 300_000,
  }
  mkdirSync(trial.next, { recursive: true })
  for (const path of [join(trial.next, trial.program), trial.previous]) writeFileSync(path, '')
  putStandIn(trial, standIn(trial, state, false))
  const record = {
    version: 1 as const,
    command_id: 'an-update',
    origin: 'local' as const,
    requested: VERSION,
    from: '0.0.1',
    to: VERSION,
    stage: 'relaunch' as const,
    attempts: 1,
    started_at: '2026-01-01T00:00:00Z',
    restart_strategy: 'supervisor_required' as const,
    trial,
    settled: false,
    bad_versions: [],
  }
  mkdirSync(state, { recursive: true, mode: 0o700 })
  writeRecord(state, record)
  return { FOMULAR_DAEMON_ON_TRIAL: '1', FOMULAR_DAEMON_NO_SELF_RELAUNCH: '1' }
}

test('once an update has succeeded, the new version records which paths other users can write to', async (t) => {
  const stage = await Stage.open(t)
  const record = join(stage.state, 'modes.json')
  const hub = await stage.hub()
  hub.kill('SIGTERM')
  await hub.ended
  chmodSync(stage.state, 0o777)
  asLeftBefore(stage.state)
  const daemon = stage.run(stage.daemonArgs(), putOnTrialIn(stage.state, stage.dir))
  await until(() => daemon.log().includes('on trial until'), { what: 'the trial' })
  assert.match(daemon.log(), /the next version will refuse this/)
  assert.equal(existsSync(record), false)
  await stage.hub()
  await until(() => existsSync(record), { what: 'the record' })
  assert.deepEqual(JSON.parse(readFileSync(record, 'utf8')), { version: 1, by: VERSION, open: [stage.state] })
})

test('once an update has succeeded, the new version’s hub records which paths other users can write to', async (t) => {
  const stage = await Stage.open(t)
  const folders = [stage.state, join(stage.state, 'hub')]
  const env = putOnTrialIn(stage.state, stage.dir)
  stage.run(['up', '--port', String(stage.port)], env)
  await until(() => folders.every((dir) => existsSync(join(dir, 'modes.json'))), { what: 'both records' })
})

test('before a new version is started, its self-check reports the files that it would refuse', async (t) => {
  const { state, config, key, accepted, home, stage } = await machine(t)
  await accepted()
  const problems = async (env: Record<string, string> = {}): Promise<string> => {
    const check = stage.run(['self-check', '--state-dir', state], env)
    assert.equal(await check.ended, 0)
    const said = JSON.parse(check.log())
    assert.equal(said.ok, said.problems.length === 0)
    return said.problems.join()
  }
  toOther(home)
  assert.match(await problems(), /chown 0 .* FOMULAR_STRICT_MODES=false/)
  assert.equal(await problems({ FOMULAR_STRICT_MODES: 'false' }), '')
  chownSync(home, 0, 0)
  assert.equal(await problems(), '')
  const ofHome = { HOME: home, FOMULAR_STATE_DIR: '' }
  for (const path of [config, key]) {
    toOther(path)
    assert.match(await problems(ofHome), new RegExp(`${path} belongs to`))
    // A daemon with a different configuration does not report this file.
    writeFileSync(join(home, 'other.toml'), '', { mode: 0o600 })
    assert.equal(await problems({ ...ofHome, FOMULAR_CONFIG: join(home, 'other.toml') }), '')
    chownSync(path, 0, 0)
  }
  assert.equal(await problems(ofHome), '')
})

test('a version on trial that refuses to start reports the reason to the previous version', async (t) => {
  const { key, dir, home, stage } = await machine(t)
  const foreign = join(dir, 'foreign.toml')
  writeFileSync(foreign, '')
  mkdirSync(join(stage.state, 'hub'), { recursive: true, mode: 0o700 })
  for (const [path, args] of [
    [foreign, ['run', '--config', foreign]],
    [key, ['run', '--key-file', key]],
    [foreign, ['up', '--config', foreign]],
    [join(stage.state, 'hub'), ['up']],
  ] as const) {
    const env = putOnTrialIn(stage.state, stage.dir)
    toOther(path)
    const daemon = stage.run([...args], { ...env, HOME: home })
    assert.equal(await daemon.ended, 75, daemon.log())
    const { outcome, error } = peekRecord(stage.state)!
    assert.equal(outcome, 'failed')
    assert.match(error!.message, new RegExp(`^Version ${VERSION} did not start\\. ${path} belongs to`))
    assert.match(error!.remedy!, /chown 0/)
    chownSync(path, 0, 0)
  }
  // Nothing is written into a folder that another user can change.
  const env = putOnTrialIn(stage.state, stage.dir)
  toOther(stage.state)
  assert.equal(await stage.run(['run', '--config', foreign], env).ended, 75)
  chownSync(stage.state, 0, 0)
  assert.equal(peekRecord(stage.state)!.outcome, undefined)
})
