import type { AgentFields } from '../../client/hub-client.ts'
import { isAsking } from '../../protocol/needs.ts'
import { machineName } from '../client/machine-id.ts'
import { connectHub, locateHub } from '../options.ts'
import { cleanLine } from '../render/clean.ts'
import type { Candidates, Word } from './candidates.ts'

/** Maximum time for an answer, in ms: a person is waiting at the prompt. */
const ANSWER_MS = 500
const DESCRIPTION_CHARS = 60

const FIELDS = ['state', 'title', 'pending', 'pending_omitted', 'undelivered_prompts'] as const

type Offered = AgentFields<(typeof FIELDS)[number]>

/** Filters agents by command: each command applies only to agents in some states. */
const SUITED: Record<string, (agent: Offered) => boolean> = {
  approve: (agent) => mayAsk(agent, ({ ask }) => ask !== 'question'),
  deny: isAsking,
  answer: (agent) => mayAsk(agent, ({ ask }) => ask === 'question'),
  interrupt: ({ state }) => state === 'working' || state === 'waiting',
  withdraw: ({ undelivered_prompts }) => undelivered_prompts > 0,
  resume: (agent) => hasEnded(agent),
  stop: (agent) => !hasEnded(agent),
}

/** Reports whether an agent has such a request. A request that the list leaves out may be such a request. */
const mayAsk = (
  { pending, pending_omitted }: Offered,
  isSuch: (request: Offered['pending'][number]) => boolean,
) => pending.some(isSuch) || Boolean(pending_omitted)

const hasEnded = ({ state }: Offered) => state === 'exited' || state === 'failed'

/**
 * Returns names from the hub or from this machine. Returns no names on an error, or if the answer is late.
 */
export async function namesOf(ask: NonNullable<Candidates['ask']>): Promise<Word[]> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Word[]>((resolve) => {
    timer = setTimeout(resolve, ANSWER_MS, [])
  })
  try {
    return await Promise.race([LISTS[ask.what](ask), late])
  } catch {
    return []
  } finally {
    clearTimeout(timer)
  }
}

type Ask = NonNullable<Candidates['ask']>

async function agents({ command, flags }: Ask): Promise<Word[]> {
  const all = await (await connectHub(flags)).agentFields(...FIELDS)
  return all.filter(SUITED[command] ?? (() => true)).map(({ agent_id, state, title }) => ({
    value: agent_id,
    description: cleanLine(`${state}${title === undefined ? '' : `: ${title}`}`, DESCRIPTION_CHARS),
  }))
}

async function prompts({ flags, agent = '' }: Ask): Promise<Word[]> {
  const client = await connectHub(flags)
  const [{ agentId }, { promptText }] = await Promise.all([
    import('../agent/outcome.ts'),
    import('../render/waiting-prompt.ts'),
  ])
  const { waiting_prompts = [] } = await client.agent(await agentId(client, agent, flags.machine))
  return waiting_prompts.map((prompt) => ({
    value: prompt.prompt_id,
    description: promptText(prompt, DESCRIPTION_CHARS),
  }))
}

async function machines({ flags }: Ask): Promise<Word[]> {
  const all = await (await connectHub(flags)).machines()
  const names = all.map(machineName)
  return all.map(({ machine_id, connected }, at) => {
    const name = names[at]!
    return {
      value: names.indexOf(name) === names.lastIndexOf(name) ? name : machine_id,
      description: connected ? 'connected' : 'not connected',
    }
  })
}

async function sessions({ flags }: Ask): Promise<Word[]> {
  const [{ address }, { sessionClient }, { browserName }] = await Promise.all([
    locateHub(flags),
    import('../client/hub.ts'),
    import('../../client/browser-name.ts'),
  ])
  return (await sessionClient(address).list()).map(({ session_id, name, user_agent }) => ({
    value: session_id,
    description: cleanLine(`${name}: ${browserName(user_agent)}`, DESCRIPTION_CHARS),
  }))
}

async function services(): Promise<Word[]> {
  const { listServices } = await import('../../service/find-daemons.ts')
  return (await listServices(process.env)).map(({ name, manager, state }) => ({
    value: name,
    description: cleanLine(`${manager}: ${state}`, DESCRIPTION_CHARS),
  }))
}

const LISTS = { agents, prompts, machines, services, sessions }
