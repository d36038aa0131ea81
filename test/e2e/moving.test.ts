import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { claudeStage } from '../support/claude-stage.ts'
import { mock } from '../support/messages-api.ts'
import { RUN } from '../support/stage.ts'
import { until } from '../support/wait.ts'

const PAGE = readFileSync(new URL('../../src/config/moving.md', import.meta.url), 'utf8')

/** Returns the line of the page that begins with this text, as a person would paste it. */
const line = (beginning: string) => {
  const found = PAGE.split('\n').find((text) => text.startsWith(beginning))
  assert.ok(found, `The page has no line that begins with: ${beginning}`)
  return found
}

test('a home folder that is restored with the documented commands keeps its machine, agents, and conversations', async (t) => {
  const { stage, api } = await claudeStage(t)
  const home = stage.env.HOME!
  const bin = join(stage.dir, 'bin')
  mkdirSync(bin)
  const program = `#!/bin/sh\nexec ${RUN.map((part) => `'${part}'`).join(' ')} "$@"\n`
  writeFileSync(join(bin, 'fomular-daemon'), program, { mode: 0o755 })
  Object.assign(stage.env, {
    PATH: `${bin}:${stage.env.PATH}`,
    FOMULAR_STATE_DIR: join(home, '.fomular/state'),
  })
  const paste = (command: string) =>
    promisify(execFile)('sh', ['-ec', command], { cwd: stage.dir, env: stage.env })
  const up = async () => {
    const running = stage.run(['up'])
    await until(() => running.log().includes('Ctrl-C stops everything'), { what: 'hub and daemon' })
    return running
  }
  const done = async (...args: string[]) => {
    const command = stage.run(args)
    assert.equal(await command.ended, 0, command.log())
    return command.log()
  }
  const identity = () =>
    JSON.parse(readFileSync(join(home, '.fomular/state/machine.json'), 'utf8')).machine_id as string

  const before = await up()
  await done('agent', 'start', '--id', 'a', '--cwd', stage.cwd, '--prompt', 'The word is heron.', '--wait')
  const machine = identity()
  await paste(line('fomular-daemon stop && tar'))
  assert.equal(await before.ended, 0)

  renameSync(home, `${home}.of-the-old-machine`)
  mkdirSync(home)
  await paste(line('tar -xpzf'))
  const after = await up()
  assert.equal(identity(), machine)
  const said = await done('agent', 'resume', 'a', '--prompt', mock([{ text: 'as before' }]), '--wait')
  assert.match(said, /as before/)
  assert.match(JSON.stringify(api.requests.at(-1)?.body.messages), /The word is heron/)
  assert.match(await done('agent', 'log', 'a'), /The word is heron/)
  await done('stop')
  assert.equal(await after.ended, 0)
})
