import assert from 'node:assert/strict'
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import type { HubMachine } from '../../src/protocol/index.ts'
import { Stage } from '../support/stage.ts'
import { type Cleanup, tempDir } from '../support/temp.ts'
import { until } from '../support/wait.ts'

/**
 * Enrolls a machine. Its state folder and its home, with configuration and key, are separate from the hub's.
 */
async function enrolled(t: Cleanup) {
  const stage = await Stage.open(t)
  await stage.hub()
  const home = join(tempDir(t), 'home')
  mkdirSync(home)
  const at = (dir: string) => ({ HOME: dir, FOMULAR_STATE_DIR: join(dir, '.fomular/state') })
  const enroll = async (dir: string, ...more: string[]) => {
    const { token } = await stage.api<{ token: string }>('POST', '/api/enrolments', {})
    const env = { ...at(dir), FOMULAR_ENROLL_TOKEN: token }
    const enrolling = stage.run(['enroll', '--server-url', stage.hubUrl, ...more], env)
    assert.equal(await enrolling.ended, 0, enrolling.log())
    return enrolling.log()
  }
  const connected = async () => {
    const { machines } = await stage.api<{ machines: HubMachine[] }>('GET', '/api/machines')
    return machines.filter((machine) => machine.connected)
  }
  /** Starts a daemon, and stops it when it is connected. @returns the id of the daemon's machine */
  const visit = async (dir: string) => {
    const daemon = stage.run(['run'], at(dir))
    const [machine] = (await until(
      async () => {
        const found = await connected()
        return found.length > 0 && found
      },
      { what: 'a machine at the hub' },
    ).catch((error) => {
      throw new Error(`${error.message}\n${daemon.log()}`)
    })) as HubMachine[]
    daemon.kill('SIGTERM')
    assert.equal(await daemon.ended, 0)
    return machine!.machine_id
  }
  await enroll(home)
  return { stage, home, at, enroll, visit }
}

test('a machine whose state folder is lost or damaged keeps its identity through the file next to its key', async (t) => {
  const { home, visit, enroll } = await enrolled(t)
  const id = await visit(home)
  const file = join(home, '.fomular/key.machine')
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.ok(!readFileSync(file, 'utf8').includes(readFileSync(join(home, '.fomular/key'), 'utf8').trim()))
  const state = join(home, '.fomular/state')
  rmSync(state, { recursive: true })
  assert.equal(await visit(home), id)
  writeFileSync(join(state, 'machine.json'), '{')
  assert.equal(await visit(home), id)
  // The machine also keeps its identity with a new key: it shows the old key, which then becomes invalid.
  await enroll(home, '--force')
  rmSync(join(state, 'ledger.jsonl'), { force: true })
  assert.equal(await visit(home), id)
  rmSync(state, { recursive: true })
  assert.equal(await visit(home), id)
})

test('a copy of a machine is refused, with the remedy for becoming a separate machine', async (t) => {
  const { stage, home, at, visit, enroll } = await enrolled(t)
  const id = await visit(home)
  const copy = join(dirname(home), 'copy')
  cpSync(home, copy, { recursive: true })
  rmSync(join(copy, '.fomular/state'), { recursive: true })
  const config = join(copy, '.fomular/config.toml')
  writeFileSync(config, readFileSync(config, 'utf8').replace(home, copy))

  const daemon = stage.run(['run'], at(copy))
  await until(() => /belongs to another machine/.test(daemon.log()), { what: 'the refusal in the log' })
  const other = JSON.parse(readFileSync(join(copy, '.fomular/state/machine.json'), 'utf8')).machine_id
  assert.notEqual(other, id)
  const run = async (...args: string[]) => {
    const running = stage.run(args, at(copy))
    await running.ended
    return running.log()
  }
  assert.match(await run('status'), /This key belongs to another machine/)
  const told = await run('doctor')
  assert.match(told, /✗ The daemon .* is not connected[\s\S]*belongs to another machine/)
  assert.match(told, /machine add[\s\S]*hub key bind/)
  daemon.kill('SIGTERM')
  await daemon.ended

  await enroll(copy, '--force')
  assert.equal(await visit(copy), other)
  assert.equal(await visit(home), id)
  assert.ok(existsSync(join(copy, '.fomular/key.machine')))
})

test('doctor on the hub’s machine names a key that several machines share', async (t) => {
  const stage = await Stage.open(t)
  let hub = await stage.hub()
  hub.kill('SIGTERM')
  await hub.ended
  const path = join(stage.state, 'hub/keys.json')
  const file = JSON.parse(readFileSync(path, 'utf8'))
  const machine = file.keys.find(({ role }: { role: string }) => role === 'machine')
  delete machine.bound
  machine.machines = ['m-1', 'm-2']
  writeFileSync(path, JSON.stringify(file))
  hub = await stage.hub()
  const run = async (...args: string[]) => {
    const running = stage.run(args)
    await running.ended
    return running.log()
  }
  assert.match(hub.log(), /several machines share one key/)
  assert.match(await run('doctor'), /! 2 machines share the hub's key local[\s\S]*hub key bind/)
  assert.match(await run('hub', 'key', 'list'), /local \(the hub's own\) +\S+ +m-1, m-2/)
  const bound = await run('hub', 'key', 'bind', 'local', '11111111-1111-4111-8111-111111111111')
  assert.match(bound, /admits no other machine/)
  assert.doesNotMatch(await run('doctor'), /share the hub's key/)
})
