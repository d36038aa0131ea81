import { Command } from 'commander'
import type { HubClient } from '../../client/hub-client.ts'
import { Failure } from '../../platform/errors.ts'
import type { HubAgent } from '../../protocol/index.ts'
import { connectHub, type HubOptions, withHub } from '../options.ts'
import { print, printJson, stdoutColors } from '../terminal.ts'

const HELP = `
Tells an agent's life in sentences: who gave it orders, its runs and turns, how often it asked a person, how it
ended, and what it does now. The orders are in the hub's audit log, which only an admin key can read.

Examples:
  $ fomular-daemon agent explain a-1f2e
  $ fomular-daemon agent explain a-1f2e --all        read a very long history from its beginning
  $ fomular-daemon agent explain a-1f2e --json | jq .life`

/** Maximum number of events that are read without --all, from the newest on. */
const EVENTS = 20_000
const PAGE = 1000
/** Maximum number of orders that are shown, from the newest on. */
const ORDERS = 200

interface ExplainOptions extends HubOptions {
  all?: boolean
}

export function explainCommand(): Command {
  return withHub(
    new Command('explain')
      .description("tell an agent's life: its orders, turns, questions, and end")
      .argument('<id>', 'id of the agent, or a unique prefix')
      .option('--all', 'read the complete history, even if it is very long')
      .addHelpText('after', HELP)
      .action(explain),
  )
}

async function explain(given: string, { json, all, ...flags }: ExplainOptions) {
  const client = await connectHub(flags)
  const { agentId } = await import('./outcome.ts')
  const id = await agentId(client, given, flags.machine)
  const agent = await client.agent(id)
  const [orders, { life, isComplete }] = await Promise.all([
    ordersFor(client, agent),
    lifeOf(client, id, all),
  ])
  if (json) {
    const { parts, leftOut } = life
    return printJson({ agent, orders, life: parts, left_out: leftOut, complete: isComplete })
  }
  const { lifeText, orderText, settledOrders } = await import('../render/life.ts')
  const { bold, dim } = stdoutColors()
  const lines = life.parts.map(lifeText)
  if (life.leftOut > 0) lines.splice(life.gapAfter, 0, dim(`… ${life.leftOut} more …`))
  if (!isComplete) lines.unshift(dim('… Its earlier history was not read: add --all to read it.'))
  const section = (title: string, texts: string[]) => [bold(title), ...texts.map((text) => `  ${text}`)]
  print(
    [
      ...section(
        'Orders',
        orders ? settledOrders(orders).map(orderText) : [dim('Only an admin key can read them.')],
      ),
      ...section('Life', lines),
      ...section('Now', await presentOf(agent)),
    ].join('\n'),
  )
}

/** Returns the orders in the audit log; undefined if the key may not read it, or an older hub has no log. */
async function ordersFor(client: HubClient, { agent_id, machine_id }: HubAgent) {
  try {
    return (await client.audit({ agent_id, machine_id }, { limit: ORDERS })).entries
  } catch (error) {
    if (error instanceof Failure && ['forbidden', 'hub_too_old'].includes(error.code)) return undefined
    throw error
  }
}

/** Reads an agent's history: the newest events, or all. */
async function lifeOf(client: HubClient, id: string, all: boolean | undefined) {
  const [{ Life }, { eventOf, history }] = await Promise.all([
    import('../../client/life.ts'),
    import('../../client/history.ts'),
  ])
  const life = new Life()
  if (all) {
    for await (const event of history(client, id)) life.add(event)
    return { life, isComplete: true }
  }
  const pages: ReturnType<typeof eventOf>[][] = []
  let previous: string | undefined
  for (let count = 0; count < EVENTS; ) {
    const page = await client.eventsBefore(id, previous, PAGE)
    pages.push(page.events.map(eventOf).filter(({ kind }) => TOLD.has(kind)))
    count += page.events.length
    previous = page.previous
    if (previous === undefined) break
  }
  for (const events of pages.reverse()) for (const event of events) life.add(event)
  return { life, isComplete: previous === undefined }
}

/** Kinds of events that matter for an agent's life. All others are forgotten at once. */
const TOLD = new Set<string>([
  'process_started',
  'session',
  'tool_use',
  'permission_request',
  'turn_result',
  'prompt_rejected',
  'set_back',
  'process_exited',
])

/** Returns sentences on what the agent does now. */
async function presentOf(agent: HubAgent): Promise<string[]> {
  const [
    { delayText, endText, limitedText, problemTexts, stateText, turnFailureText },
    { age },
    { dollars },
  ] = await Promise.all([
    import('../render/agents.ts'),
    import('../render/units.ts'),
    import('../../client/units.ts'),
  ])
  const {
    state,
    since,
    total_cost_usd: cost,
    pending,
    undelivered_prompts: prompts,
    turn_interrupted,
  } = agent
  const ended = state === 'exited' || state === 'failed'
  const texts = [
    `${stateText(agent)}, for ${age(since, Date.now())}.`,
    ended ? endText(agent) : undefined,
    ended ? agent.failure?.remedy : undefined,
    delayText(agent),
    limitedText(agent),
    turnFailureText(agent),
    turn_interrupted,
    pending.length > 0
      ? `It waits for a person: ${pending.length} request${pending.length === 1 ? '' : 's'}.`
      : undefined,
    prompts > 0 ? `${prompts} prompt${prompts === 1 ? '' : 's'} not yet started.` : undefined,
    cost === undefined ? undefined : `It has cost ${dollars(cost)} so far.`,
    ...problemTexts(agent),
  ]
  const { cleanLine } = await import('../render/clean.ts')
  return texts.flatMap((text) => (text === undefined ? [] : [cleanLine(text, 1000)]))
}
