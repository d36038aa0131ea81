import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { delegatedGroup } from '../../src/service/delegated-group.ts'
import { WITHOUT_GROUPS } from '../support/without-groups.ts'
import type { Benchmark } from './benchmark.ts'
import { interleaved, median, monotonic } from './measure.ts'
import { Rig } from './rig.ts'

/** Rules of every kind, all of which permit an ordinary start. */
const RULES = `version = 1
permission_modes = ["default", "plan"]
[folders]
allow = ["/"]
deny = ["/etc", "/root/.ssh", "~/.aws"]
[runtimes.claude]
versions = ">=2.1.0"
[tools]
deny = ["WebFetch", "Bash(curl:*)"]
[mcp]
servers = "none"
[limits]
starts_per_hour = 10000
agents = 1000
[budgets]
usd_per_agent = 100
usd_per_day = 1000
[redact]
patterns = ["sk-[A-Za-z0-9]{20,40}"]
`

/**
 * Time from the server's command until the agent is ready, with a policy and a control group for each agent.
 * The result is compared with the floor: the same daemon without policy and groups. If this machine permits
 * no groups, the two daemons differ only in the policy.
 */
export const policy: Benchmark = {
  name: 'policy',
  about: "time of an agent's start with a policy and a control group, compared with a start without both",
  async run(t, { quick }) {
    const plain = await Rig.open(t)
    const ruled = await Rig.open(t)
    const file = join(ruled.dir, 'policy.toml')
    writeFileSync(file, RULES, { mode: 0o600 })
    const hasGroups = (await delegatedGroup(process.env)) !== undefined
    await plain.daemon(hasGroups ? WITHOUT_GROUPS : [])
    await ruled.daemon([], { FOMULAR_POLICY: file })
    let count = 0
    const start = (rig: Rig) => async () => {
      const began = monotonic()
      await rig.agents(1, count++)
      return monotonic() - began
    }
    const took = await interleaved(quick ? 3 : 41, { floor: start(plain), ruled: start(ruled) })
    return [
      {
        name: 'start of an agent under a policy',
        value: median(took.ruled),
        unit: 'ms',
        floor: {
          value: median(took.floor),
          of: hasGroups ? 'a daemon without policy and control groups' : 'a daemon without policy',
        },
        goal: { at: 'most', limit: 1.1 },
      },
    ]
  },
}
