import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { AgentPool } from '../../src/agents/agent-pool.ts'
import type { AgentPoolOptions } from '../../src/agents/agent-pool-options.ts'
import { signsOf } from '../../src/agents/process/marks.ts'
import { endStrays } from '../../src/agents/process/strays.ts'
import { AgentSpec } from '../../src/protocol/index.ts'
import { agentsIn } from './agents.ts'
import { carryOutWith } from './command-context.ts'
import { ManualClock } from './manual-clock.ts'
import { tempDir } from './temp.ts'

const PROGRAM = `#!/bin/sh
while [ -e slow ]; do sleep 0.05; done
while read -r line; do
  id=\${line#*'"request_id":"'}
  case $line in *'"request_id"'*) printf '{"type":"control_response","response":{"subtype":"success","request_id":"%s"}}\\n' "\${id%%'"'*}" ;; esac
  case $line in *end_session*) break ;; esac
done
while [ -e slow ]; do sleep 0.05; done
`

/**
 * A daemon without a link, with a manual clock. Its agents are shell scripts that become ready and stay idle.
 */
export function shellAgents(t: TestContext, options: Partial<AgentPoolOptions> = {}) {
  const cwd = tempDir(t)
  const clock = new ManualClock()
  const program = join(cwd, 'program')
  writeFileSync(program, PROGRAM, { mode: 0o755 })
  let revision = 0
  const pools: AgentPool[] = []
  const again = () => {
    const pool = agentsIn(join(cwd, 'agents'), {
      program: async () => program,
      environment: { PATH: process.env.PATH },
      clock,
      nextRevision: () => ++revision,
      ...options,
    })
    pools.push(pool)
    pool.adopt()
    return pool
  }
  const agents = again()
  const start = async (agent_id: string, spec: object) => {
    const command = {
      type: 'agent:start',
      command_id: `start-${agent_id}`,
      agent_id,
      spec: AgentSpec.parse({ cwd, ...spec }),
    } as const
    const { confirmed } = await carryOutWith(agents, command)
    return confirmed.then(
      () => 'started',
      (error: Error) => error.message,
    )
  }
  t.after(async () => {
    const signs = pools.flatMap((pool) => [...pool].map(signsOf))
    for (const pool of pools) pool.close()
    await Promise.all(signs.map((each) => endStrays(each)))
  })
  return {
    agents,
    again,
    clock,
    /** @param spec by default, a spec with a prompt, which the scripts never confirm */
    start: (id: string, spec: object = { prompt: 'hello' }) => {
      const result = start(id, spec)
      return { result, status: () => agents.find(id)?.status() }
    },
    /** Makes agents wait when they start and before they end, until `goOn` is called. */
    slow: () => writeFileSync(join(cwd, 'slow'), ''),
    goOn: () => rmSync(join(cwd, 'slow')),
    hasRun: (id: string) => existsSync(join(cwd, 'agents', id, 'process.json')),
  }
}
