import type { HubMachine, HubRollout, HubRolloutSummary } from '../../protocol/index.ts'
import type { Colors } from './ansi.ts'
import { cleanLine } from './clean.ts'
import { table } from './table.ts'

/** Maximum number of machines shown; machines with a problem come first. */
const SHOWN = 100
/** States in the order in which machines are shown. */
const ORDER = ['failed', 'lost', 'unwell', 'stuck', 'refused', 'updating', 'returning', 'waiting']

const word = (text: string) => cleanLine(text.replace('_', ' '), 20)

/** Formats rollouts as a table. */
export function rolloutTable(rollouts: HubRolloutSummary[], colors: Colors, width?: number): string {
  const cells = (cell: (rollout: HubRolloutSummary) => string) => rollouts.map(cell)
  const [head = '', ...lines] = table(
    [
      { title: 'ROLLOUT', cells: cells(({ rollout_id }) => cleanLine(rollout_id, 16)) },
      { title: 'VERSION', cells: cells(({ version }) => cleanLine(version, 40)) },
      { title: 'STATE', cells: cells(({ state }) => word(state)) },
      { title: 'MACHINES', cells: cells(countsText), cut: 'end', least: 16 },
      {
        title: 'GROUPS',
        cells: cells(({ groups }) => cleanLine(groups.join(', '), 80)),
        cut: 'end',
        least: 10,
      },
    ],
    width,
  )
  return [colors.bold(head), ...lines].join('\n')
}

/** Returns the progress of a rollout in one line. */
export function rolloutLine(rollout: HubRollout): string {
  const { state, groups, wave, version, unavailable, max_unavailable, reason } = rollout
  const group = `group ${cleanLine(groups[wave] ?? '', 64)} (${wave + 1} of ${groups.length})`
  const down = `${unavailable} of at most ${max_unavailable} unavailable`
  const why = reason === undefined ? '' : `: ${cleanLine(reason, 300)}`
  return `${cleanLine(version, 64)} ${word(state)}${why}, ${group}, ${countsText(rollout)}, ${down}`
}

/** Formats a rollout with its machines. */
export function rolloutText(
  rollout: HubRollout,
  machines: HubMachine[],
  colors: Colors,
  width?: number,
): string {
  const names = new Map(machines.map(({ machine_id, name, hostname }) => [machine_id, name ?? hostname]))
  const nameOf = (id: string) => cleanLine(names.get(id) ?? id, 40)
  const rank = ({ state }: { state: string }) => (ORDER.includes(state) ? ORDER.indexOf(state) : ORDER.length)
  const all = [...rollout.machines].sort((a, b) => rank(a) - rank(b))
  const shown = all.slice(0, SHOWN)
  const [head = '', ...lines] = table(
    [
      { title: 'MACHINE', cells: shown.map(({ machine_id }) => nameOf(machine_id)) },
      { title: 'GROUP', cells: shown.map(({ wave }) => cleanLine(rollout.groups[wave] ?? '', 40)) },
      { title: 'STATE', cells: shown.map(({ state, away }) => word(away ? `${state}, away` : state)) },
      { title: 'FROM', cells: shown.map(({ from = '-' }) => cleanLine(from, 40)) },
      { title: 'PROBLEM', cells: shown.map(problemOf), cut: 'end', least: 16 },
    ],
    width,
  )
  const more = all.length > SHOWN ? [`and ${all.length - SHOWN} more; --json shows all`] : []
  const soak = rollout.soak_until
  return [
    `Rollout ${cleanLine(rollout.rollout_id, 16)}: ${rolloutLine(rollout)}`,
    ...waitLines(rollout),
    ...turnLines(rollout),
    ...(soak === undefined ? [] : [`Watches this group until ${cleanLine(soak, 32)}.`]),
    ...(rollout.on_blocked ?? []).map(({ machine_id, version }) =>
      colors.yellow(`! ${nameOf(machine_id)} runs the blocked version ${cleanLine(version, 64)}.`),
    ),
    colors.bold(head),
    ...lines,
    ...more,
  ].join('\n')
}

/** Says what a running rollout waits for, if it orders nothing at present. */
function waitLines({ state, machines, groups, wave: current }: HubRollout): string[] {
  const isBusy = machines.some((each) => each.state === 'updating')
  const waiting = machines.filter((each) => each.state === 'waiting' && each.wave <= current)
  if (state !== 'running' || isBusy || waiting.length === 0) return []
  const held = waiting.filter(({ away, not_before }) => !away && not_before !== undefined)
  if (held.length > 0) return [`Waits until machines permit the update: ${held.length}.`]
  const isAway = waiting.every(({ away }) => away)
  return isAway
    ? [`Waits until a machine of the group ${cleanLine(groups[current] ?? '', 64)} connects.`]
    : []
}

function turnLines({ turns }: HubRollout): string[] {
  if (!turns || turns.updated.ended === 0) return []
  const { updated, others } = turns
  return [
    `Failed turns: ${updated.failed} of ${updated.ended} with the update, ${others.failed} of ${others.ended} without.`,
  ]
}

const countsText = ({ counts }: HubRolloutSummary): string =>
  Object.entries(counts)
    .map(([state, count]) => `${count} ${word(state)}`)
    .join(', ') || 'no machines yet'

const problemOf = ({ error, not_before }: HubRollout['machines'][number]) =>
  error
    ? cleanLine(`${error.code}: ${error.message}`, 300)
    : not_before === undefined
      ? ''
      : `not before ${cleanLine(not_before, 32)}`
