// Needs: root, unshare
import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { acquireLock, awaitLock, LockHeldError, otherHolder } from '../../src/platform/lock.ts'
import { AS_CONTAINER } from '../support/container.ts'
import { RUN, type Running, Stage } from '../support/stage.ts'
import { type Cleanup, tempDir } from '../support/temp.ts'
import { until } from '../support/wait.ts'

const CONTAINED: [string, ...string[]] = [AS_CONTAINER[0]!, ...AS_CONTAINER.slice(1), ...RUN]
const ELSEWHERE = /is already running on th.* folder: process \d+ in another container/

/** Checks that a program refuses a folder because an invisible process in another container uses it. */
async function refused({ ended, log }: Running) {
  assert.equal(await ended, 4, log())
  assert.match(log(), ELSEWHERE)
}

test('only one hub or daemon can use a folder, even across two containers, or a container and its host', async (t) => {
  const stage = await Stage.open(t)
  await stage.hub(CONTAINED)
  stage.daemonCommand = CONTAINED
  const daemon = await stage.daemon()
  const since = (await stage.machine())!.since
  const hub = ['hub', '--port', '0']
  await Promise.all(
    [RUN, CONTAINED].flatMap((command) => [
      refused(stage.run(hub, {}, command)),
      refused(stage.run(stage.daemonArgs(), {}, command)),
    ]),
  )
  assert.equal((await stage.machine())!.since, since)
  daemon.kill('SIGKILL')
  await until(async () => !(await stage.machine())!.connected, { what: 'the end of the container' })
  // The program was killed with its container, and left its lock. Nobody has to remove the lock.
  assert.ok(existsSync(join(stage.state, 'lock')))
  const doctor = stage.run(['doctor'])
  await doctor.ended
  assert.match(doctor.log(), /in use by process \d+ in another container .*\s+.*start the daemon here/)
  const next = stage.run(stage.daemonArgs())
  await until(() => next.log().includes('daemon started'), { what: 'the next daemon', seen: next.log })
  assert.match(next.log(), /if it does not answer within 10 seconds/)
  // Checks the reverse case: the program on the host holds the lock.
  await refused(stage.run(stage.daemonArgs(), {}, CONTAINED))
  next.kill('SIGTERM')
  assert.equal(await next.ended, 0)
  assert.ok(!existsSync(join(stage.state, 'lock')))
})

/** Holds a lock in a separate container. */
function holder(t: Cleanup, stage: Stage, path: string) {
  const module = new URL('../../src/platform/lock.ts', import.meta.url).href
  const take = `
    const { awaitLock } = await import(${JSON.stringify(module)})
    await awaitLock(${JSON.stringify(path)}, console.log).then(() => console.log('taken'), (error) => console.log(error.name))
    setInterval(() => {}, 1000)
  `
  const args = ['--input-type=module', '-e', take]
  const running = stage.run(args, {}, [AS_CONTAINER[0]!, ...AS_CONTAINER.slice(1), process.execPath])
  t.after(() => running.kill('SIGKILL'))
  return running
}

test('if several programs find the lock of a killed container, one of them gets the lock', async (t) => {
  const stage = await Stage.open(t)
  const path = join(tempDir(t), 'lock')
  const first = holder(t, stage, path)
  await until(() => first.log().includes('taken'), { what: 'the lock', seen: first.log })
  assert.throws(() => acquireLock(path), LockHeldError)
  first.kill('SIGKILL')
  await first.ended
  const others = [holder(t, stage, path), holder(t, stage, path)]
  const own = await awaitLock(path, () => {}).catch((error: Error) => error)
  const outcomes = () => [
    ...others.map(({ log }) => /^(taken|LockHeldError)$/m.exec(log())?.[1]),
    own instanceof LockHeldError ? own.name : 'taken',
  ]
  await until(() => !outcomes().includes(undefined), { what: 'all outcomes' })
  assert.deepEqual(outcomes().sort(), ['LockHeldError', 'LockHeldError', 'taken'])
  if (typeof own === 'function') own()
})

test('a program that was paused for a long time notices that another program has taken the lock, and leaves the lock alone', async (t) => {
  const stage = await Stage.open(t)
  const path = join(tempDir(t), 'lock')
  const release = acquireLock(path)
  assert.equal(otherHolder(path), undefined)
  const mine = readFileSync(path, 'utf8')
  // Simulates a long pause: the lock names another container, in which no program answers.
  rmSync(path)
  writeFileSync(path, mine.replace(/pid:\[\d+\]/, 'pid:[1]'))
  const next = holder(t, stage, path)
  await until(() => next.log().includes('taken'), { what: 'the lock', seen: next.log })
  const theirs = readFileSync(path, 'utf8')
  assert.equal(otherHolder(path)!.pid, JSON.parse(theirs).pid)
  release()
  assert.equal(readFileSync(path, 'utf8').trim(), theirs.trim())
})
