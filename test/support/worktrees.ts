import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Agent } from '../../src/agents/agent.ts'
import type { WorktreeRecord } from '../../src/agents/disk/records.ts'
import { Worktrees, type WorktreesOptions } from '../../src/daemon/worktrees.ts'
import { createLogger } from '../../src/platform/log.ts'
import type { CommandOf } from '../../src/protocol/index.ts'
import { gitRepository } from './git-repository.ts'
import { tempDir } from './temp.ts'

type Start = CommandOf<'agent:start'>

/** A repository, and a daemon whose agents have ended. */
export function worktreesOf(t: TestContext, options: Partial<WorktreesOptions> = {}) {
  const dir = tempDir(t)
  const main = gitRepository(join(dir, 'app'), {
    'secret.txt': '1\n',
    'sub/b.txt': '1\n',
    '.gitignore': '*.log\n',
  })
  const known = new Map<string, Agent>()
  const records = join(dir, 'worktrees')
  const again = () =>
    new Worktrees({
      dir: records,
      rulesFor: () => ({ user: undefined, sandbox: undefined, hidden: [] }),
      agents: {
        find: (id) => known.get(id),
        withoutFolder: (_, run) => run(),
        [Symbol.iterator]: () => known.values(),
      },
      logger: createLogger({ level: 'silent', stderr: 'none' }),
      ...options,
    })
  const worktrees = again()
  const commandFor = (agent_id: string, cwd = main.dir) =>
    ({ type: 'agent:start', command_id: `c-${agent_id}`, agent_id, spec: { cwd, worktree: {} } }) as Start
  const agentIn = (id: string, worktree: WorktreeRecord) =>
    ({ id, hasEnded: true, record: { worktree, spec: { cwd: worktree.path } } }) as Agent
  return {
    dir,
    main,
    records,
    again,
    worktrees,
    commandFor,
    /** Starts an agent in its own working tree. */
    start: (id: string, cwd = main.dir) =>
      worktrees.start(commandFor(id, cwd), async (_, worktree) => {
        const agent = agentIn(id, worktree)
        known.set(id, agent)
        return agent
      }),
    /** Starts an agent, and ends the daemon before the agent exists. */
    async interrupt(id: string) {
      await new Promise<void>((made) => {
        void worktrees.start(commandFor(id), () => {
          made()
          return new Promise(() => {})
        })
      })
    },
    adopt: (id: string, worktree: WorktreeRecord) => known.set(id, agentIn(id, worktree)),
    forget: (id: string) => known.delete(id),
    /** Adds a running agent without its own working tree. */
    run: (id: string, cwd: string) =>
      known.set(id, { id, hasEnded: false, record: { spec: { cwd } } } as Agent),
    tree: (id: string) => join(dir, 'app-worktrees', id),
  }
}
