import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FleetAgent } from '../../../src/client/fleet-agent.ts'
import {
  EMPTY_FORM,
  folderDoubt,
  foldersOf,
  machineDoubt,
  modelsOf,
  specOf,
  startOrder,
} from '../../../src/console/admin/start-form.ts'
import { foreseen } from '../../../src/console/agent/foreseen.ts'
import { modesOf } from '../../../src/console/agent/permission-modes.ts'
import { EMPTY_DRAFT } from '../../../src/console/agent/prompt-content.ts'
import type { HubMachine } from '../../../src/protocol/hub-objects.ts'
import { AgentSpec } from '../../../src/protocol/spec.ts'
import type { MachinePolicy } from '../../../src/protocol/status.ts'

const space = { total_bytes: 1, available_bytes: 1 }
const machine = (
  about: Partial<HubMachine> = {},
  policy?: Partial<MachinePolicy>,
  accepts_agents = true,
): HubMachine => ({
  machine_id: 'm-1',
  hostname: 'host',
  os: 'linux',
  arch: 'x64',
  daemon_version: '1.0.0',
  connected: true,
  since: '2026-01-01T00:00:00.000Z',
  status: {
    revision: 1,
    runtimes: [],
    problems: [],
    memory: space,
    disk: space,
    accepts_agents,
    ...(policy && { policy: { state: 'file', ...policy } }),
  },
  ...about,
})

test('an empty form asks only for the folder', () => {
  assert.deepEqual(specOf({ ...EMPTY_FORM, cwd: ' /srv/app ' }, EMPTY_DRAFT), { cwd: '/srv/app' })
})

test('every field of the form becomes a valid specification', () => {
  const spec = specOf(
    {
      ...EMPTY_FORM,
      cwd: '/srv/app',
      title: 'Tests',
      instructions: 'Be brief.',
      allowed_tools: 'Read, Bash(git log *, git diff *),',
      add_dirs: '/srv/lib\n\n /srv/doc ',
      session: '9f666cfc-96da-45d6-ba3f-0b9e3afe0b19',
      fork: true,
      max_turns: '20',
      max_budget_usd: '1.5',
      restart: 'on-loss',
      on_limit: 'wait',
    },
    { text: 'Fix it', images: [] },
  )
  assert.deepEqual(spec.allowed_tools, ['Read', 'Bash(git log *, git diff *)'])
  assert.deepEqual(spec.add_dirs, ['/srv/lib', '/srv/doc'])
  assert.deepEqual(spec.limits, { max_turns: 20, max_budget_usd: 1.5 })
  assert.deepEqual(spec.system_prompt, { mode: 'append', text: 'Be brief.' })
  assert.equal(AgentSpec.parse(spec).prompt, 'Fix it')
})

test('what the machine would refuse is refused with the rule of its policy', () => {
  const strict = machine(
    {},
    {
      permission_modes: ['default', 'plan'],
      tools_allowed: ['Read'],
      system_prompt: 'none',
      runtimes: ['one'],
      commands_denied: ['agent:remove'],
    },
  )
  const keys = (...args: Parameters<typeof foreseen>) => foreseen(...args).map(({ key }) => key)
  assert.deepEqual(
    keys(strict, 'agent:start', {
      runtime: 'other',
      permission_mode: 'bypassPermissions',
      allowed_tools: ['Read', 'Bash'],
      system_prompt: { mode: 'append', text: 'x' },
    }),
    ['runtimes', 'permission_modes', 'tools.allow', 'system_prompt'],
  )
  assert.deepEqual(keys(strict, 'agent:start', { runtime: 'one', permission_mode: 'plan' }), [])
  assert.deepEqual(keys(strict, 'agent:remove'), ['commands.deny'])
  assert.deepEqual(keys(strict, 'agent:configure', { permission_mode: 'auto' }), ['permission_modes'])
  assert.deepEqual(keys(machine({}, { state: 'unreadable' }), 'agent:prompt'), ['policy'])
  assert.deepEqual(keys(machine({}, { signed: true }), 'agent:prompt'), ['signed_by'])
  assert.deepEqual(keys(machine({}, { signed: true }), 'agent:stop'), [])
  assert.deepEqual(keys(machine(), 'agent:start', { permission_mode: 'anything' }), [])
  assert.deepEqual(keys({ ...strict, connected: false }, 'agent:remove'), [])
})

test('only the permission modes that a machine permits can be chosen, and the current one', () => {
  const modes = (...args: Parameters<typeof modesOf>) => modesOf(...args).map(({ mode }) => mode)
  assert.deepEqual(modes({ state: 'file', permission_modes: ['plan', 'new-mode'] }), ['plan', 'new-mode'])
  assert.deepEqual(modes({ state: 'file', permission_modes: ['plan'] }, 'auto'), ['plan', 'auto'])
  assert.ok(modes({ state: 'open', permission_modes: ['*'] }).includes('acceptEdits'))
  assert.ok(modes(undefined).includes('default'))
})

test('folders in which agents ran come before those of the policy', () => {
  const agent = (cwd: string, since: string, machine_id = 'm-1') => ({ cwd, since, machine_id }) as FleetAgent
  const folders = foldersOf(machine({}, { folders: { allow: ['/', '/home', '/srv/a'], deny: [] } }), [
    agent('/srv/a', '2026-01-01'),
    agent('/srv/b', '2026-01-02'),
    agent('/other', '2026-01-03', 'm-2'),
  ])
  assert.deepEqual(folders, ['/srv/b', '/srv/a', '/home'])
})

test('models to suggest are those that the agents have used, the latest first', () => {
  const agents = [
    { model: 'opus', since: '2026-01-01' },
    { since: '2026-01-04' },
    { model: 'sonnet', since: '2026-01-03' },
    { model: 'opus', since: '2026-01-02' },
  ] as FleetAgent[]
  assert.deepEqual(modelsOf(agents), ['sonnet', 'opus'])
})

test('a folder that the policy does not name raises a doubt', () => {
  const limited = machine({}, { folders: { allow: ['/srv'], deny: ['/srv/secret'] } })
  assert.equal(folderDoubt(limited, '/srv/app'), undefined)
  assert.match(folderDoubt(limited, '/srvx') ?? '', /only in \/srv,/)
  assert.match(folderDoubt(limited, '/srv/secret/x') ?? '', /denies/)
  assert.equal(folderDoubt(machine(), '/anywhere'), undefined)
})

test('machines that can start an agent come first, and the others say why they cannot', () => {
  const off = machine({ machine_id: 'off', connected: false, name: 'a' })
  const full = machine({ machine_id: 'full', name: 'b' }, undefined, false)
  const ready = machine({ machine_id: 'ready', name: 'c' })
  assert.deepEqual(
    startOrder([off, full, ready]).map(({ machine_id }) => machine_id),
    ['ready', 'full', 'off'],
  )
  assert.match(machineDoubt(off) ?? '', /not connected/)
  assert.match(machineDoubt(full) ?? '', /accepts no agents/)
  assert.equal(machineDoubt(ready), undefined)
})
