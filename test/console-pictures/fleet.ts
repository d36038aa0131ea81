import type { Event } from '../../src/protocol/index.ts'
import type { ConsoleStage } from '../support/console-stage.ts'
import { helloOf, statusOf } from '../support/light-daemon.ts'
import { requestFor } from '../support/scripted-agent.ts'

const GIB = 1024 ** 3
const ago = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString()

/** The agent whose conversation the pictures show, and its machine. */
export const ASKING = { machine_id: 'machine-1', agent_id: 'shop-tests' }

const BEFORE =
  'export function total(prices: number[]) {\n  return prices.reduce((sum, price) => sum + price)\n}\n'
const AFTER =
  'export function total(prices: number[]) {\n  // An empty cart costs nothing.\n  return prices.reduce((sum, price) => sum + price, 0)\n}\n'

const EDIT = { file_path: '/srv/shop/src/total.ts', old_string: BEFORE, new_string: AFTER }
const REQUEST = requestFor('r1', EDIT, { tool: 'Edit', tool_use_id: 't2' })

const machineStatus = (usedOfMemory: number, usedOfDisk: number) => ({
  ...helloOf().machine,
  memory: { total_bytes: 32 * GIB, available_bytes: 32 * GIB * (1 - usedOfMemory) },
  disk: { total_bytes: 512 * GIB, available_bytes: 512 * GIB * (1 - usedOfDisk) },
  runtimes: [
    {
      name: 'claude',
      found: true,
      version: '2.1.332',
      login: 'logged_in' as const,
      path: '/usr/local/bin/claude',
    },
  ],
})

const agent = (id: string, title: string, cwd: string, rest: Parameters<typeof statusOf>[1] = {}) =>
  statusOf(id, { title, cwd, model: 'claude-opus-5-5', permission_mode: 'default', ...rest })

const EVENTS = [
  { kind: 'process_started', run: 1 },
  { kind: 'user', content: 'The checkout fails for an empty cart. Find out why, and fix it.' },
  { kind: 'thinking', text: 'An empty cart has no prices. I look at how the total is computed.' },
  { kind: 'text', text: 'I run the tests first, to see how it fails.' },
  {
    kind: 'tool_use',
    tool_use_id: 't1',
    tool: 'Bash',
    input: { command: 'npm test -- cart', description: 'Run the tests' },
  },
  {
    kind: 'tool_result',
    tool_use_id: 't1',
    is_error: true,
    content:
      '✖ an empty cart costs nothing\n  TypeError: Reduce of empty array with no initial value\n    at total (src/total.ts:2:17)',
  },
  {
    kind: 'text',
    text: '`reduce` has no first value here:\n\n- with prices, it starts with the first one;\n- without prices, it **throws**.\n\nI give it a 0 to start with.',
  },
  { kind: 'tool_use', tool_use_id: 't2', tool: 'Edit', input: EDIT },
  { kind: 'permission_request', ...REQUEST },
].map((event, n) => ({ offset: n * 10, index: 0, ...event }) as Event)

/** Connects machines with agents in all states. */
export async function connectFleet(stage: ConsoleStage) {
  const end = EVENTS.length * 10
  const first = await stage.machine({
    machine_id: ASKING.machine_id,
    hostname: 'build-1',
    arch: 'x64',
    machine: machineStatus(0.41, 0.63),
    agents: [
      agent(ASKING.agent_id, 'Fix the checkout of an empty cart', '/srv/shop', {
        state: 'waiting',
        since: ago(2),
        pending: [REQUEST],
        end,
      }),
      agent('shop-types', 'Stricter types in the cart', '/srv/shop', { state: 'working', since: ago(1) }),
      agent('docs', 'Describe the new API', '/srv/docs', { since: ago(25) }),
    ],
  })
  first.send({ type: 'agent:activity', agent_id: ASKING.agent_id, from: 0, to: end, events: EVENTS })
  await first.acknowledged(ASKING.agent_id, end)
  await stage.machine({
    machine_id: 'machine-2',
    hostname: 'laptop',
    os: 'darwin',
    arch: 'arm64',
    machine: {
      ...machineStatus(0.72, 0.97),
      problems: [
        {
          code: 'disk_low',
          severity: 'warning',
          message: 'Only 15 GiB are left on the disk of the state folder.',
          remedy: 'Delete files that nobody needs.',
          since: ago(90),
        },
      ],
    },
    agents: [
      agent('plan', 'Plan the move to the new queue', '/Users/ada/queue', {
        state: 'waiting',
        since: ago(12),
        pending: [
          requestFor(
            'r2',
            { plan: '1. Add the queue\n2. Move the readers' },
            { ask: 'plan', tool: 'ExitPlanMode' },
          ),
        ],
      }),
      agent('limits', 'Rewrite the importer', '/Users/ada/importer', {
        since: ago(40),
        limited: { until: ago(-95), waits: true },
      }),
      agent('old', 'Update the dependencies', '/Users/ada/site', {
        state: 'exited',
        since: ago(300),
        exit: { code: 0, reason: 'finished' },
      }),
    ],
  })
}
