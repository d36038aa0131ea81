import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Command } from 'commander'
import { candidatesFor, VALUES } from '../../../../src/cli/completion/candidates.ts'
import { program } from '../../../../src/cli/program.ts'

const root = await program(['--help'])
const values = (...typed: string[]) => candidatesFor(root, typed).words.map(({ value }) => value)

test('completion offers commands first, then their flags and the names of agents, machines, and services', () => {
  assert.ok(values('').includes('agent'))
  assert.ok(!values('').includes('self-check'))
  assert.ok(values('agent', '').includes('watch'))
  assert.ok(values('agent', 'start', '--').includes('--lease'))
  assert.ok(!values('agent', 'list', '--').includes('--lease'))
  assert.deepEqual(candidatesFor(root, ['agent', 'rm', '--hub', 'http://h', '']).ask, {
    what: 'agents',
    command: 'remove',
    flags: { hub: 'http://h' },
  })
  assert.deepEqual(candidatesFor(root, ['agent', 'withdraw', 'a-1', '']).ask, {
    what: 'prompts',
    command: 'withdraw',
    flags: {},
    agent: 'a-1',
  })
  assert.equal(candidatesFor(root, ['agent', 'send', 'a-1', '']).ask, undefined)
  assert.equal(candidatesFor(root, ['machine', 'remove', '']).ask?.what, 'machines')
  assert.equal(candidatesFor(root, ['agent', 'start', '--machine', '']).ask?.what, 'machines')
  assert.equal(candidatesFor(root, ['hub', 'session', 'end', '']).ask?.what, 'sessions')
  assert.equal(candidatesFor(root, ['service', 'status', '--name', '']).ask?.what, 'services')
  assert.equal(candidatesFor(root, ['machine', 'add', '--name', '']).ask, undefined)
})

test('completion distinguishes the value of a flag from a command', () => {
  assert.deepEqual(values('agent', 'start', '--restart', ''), ['never', 'on-loss', 'on-failure'])
  assert.equal(candidatesFor(root, ['--state-dir', '']).paths, 'dirs')
  assert.equal(candidatesFor(root, ['run', '--key-file=']).paths, 'files')
  assert.equal(candidatesFor(root, ['hub', 'store', 'migrate', '--from', '']).paths, 'dirs')
  assert.deepEqual(values('agent', 'watch', '--from', ''), ['start', 'now'])
  assert.deepEqual(values('agent', 'start', '--title', ''), [])
  assert.ok(values('agent', 'start', '--title', 'stop', '--').includes('--lease'))
})

test('if no command has been typed, completion offers the flags of the daemon', () => {
  assert.ok(values('--').includes('--server-url'))
  assert.ok(values('--').includes('--version'))
})

test('completion knows the same values as the help', () => {
  const all = (command: Command): Command[] => [command, ...command.commands.flatMap(all)]
  for (const [flag, known] of Object.entries(VALUES)) {
    const options = all(root).flatMap((each) =>
      each.options.filter(({ long, flags }) => long === flag && !flags.includes('<store>')),
    )
    assert.ok(options.length > 0, flag)
    for (const value of known)
      assert.ok(
        options.every(({ description }) => description.includes(value) || description.includes('see below')),
        `${flag} ${value}`,
      )
  }
})
