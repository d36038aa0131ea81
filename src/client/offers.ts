import type { PermissionRequest } from '../protocol/permission.ts'

type OfferKind = 'rule' | 'mode' | 'directories' | 'other'

/** A permission update that a request offers to remember. */
export interface Offer {
  /** `rule`: rules that allow the requested tool. `other`: updates of any kind not listed here. */
  kind: OfferKind
  /** The entry of the request, unchanged. */
  entry: unknown
  /** Description, partly in the agent's words. */
  text: string
  /** File to save the update in. Absent if the update applies only to the session. */
  saved?: string
}

/** Files in which Claude Code saves updates, by destination. */
const PLACES: Record<string, string> = {
  localSettings: '.claude/settings.local.json in its folder',
  projectSettings: '.claude/settings.json in its folder, for all its users',
  userSettings: '~/.claude/settings.json, for all folders',
}
const OF_SESSION = ['session', 'cliArg']

type Fields = Record<string, unknown>
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Returns the offers of a request, by kind. */
export const offersOf = ({ tool, suggestions = [] }: PermissionRequest): Offer[] =>
  suggestions.map((entry) => {
    const known = isFields(entry) ? describe(entry, tool) : undefined
    if (!known) return { kind: 'other', entry, text: JSON.stringify(entry) }
    const { destination } = entry as { destination: string }
    if (OF_SESSION.includes(destination)) return { ...known, entry }
    return { ...known, entry, saved: Object.hasOwn(PLACES, destination) ? PLACES[destination]! : destination }
  })

/**
 * Returns a complete description of an entry; undefined if the entry has an unknown field, which a
 * description would omit.
 */
function describe(entry: Fields, tool: string): Pick<Offer, 'kind' | 'text'> | undefined {
  const { type, destination, ...rest } = entry
  if (typeof destination !== 'string') return undefined
  if (type === 'setMode') {
    const { mode, ...more } = rest
    return typeof mode === 'string' && isEmpty(more) ? { kind: 'mode', text: mode } : undefined
  }
  if (type === 'addDirectories') {
    const { directories, ...more } = rest
    if (!Array.isArray(directories) || !directories.every((one) => typeof one === 'string')) return undefined
    return isEmpty(more) ? { kind: 'directories', text: directories.join(', ') } : undefined
  }
  if (type !== 'addRules') return undefined
  const { rules, behavior, ...more } = rest
  if (behavior !== 'allow' || !Array.isArray(rules) || rules.length === 0 || !isEmpty(more)) return undefined
  const texts = rules.map((rule) => ruleText(rule, tool))
  return texts.every((text) => text !== undefined) ? { kind: 'rule', text: texts.join(', ') } : undefined
}

function ruleText(rule: unknown, tool: string): string | undefined {
  if (!isFields(rule)) return undefined
  const { toolName, ruleContent, ...more } = rule
  if (toolName !== tool || !isEmpty(more)) return undefined
  if (ruleContent !== undefined && typeof ruleContent !== 'string') return undefined
  // A rule without content allows every use of the tool.
  return ruleContent?.trim() ? `${tool}(${ruleContent})` : `${tool} (every use)`
}

const isEmpty = (fields: Fields) => Object.keys(fields).length === 0

/**
 * Returns the entry that tells the agent to remember an offer.
 * @param save true to save it in the file that the offer names; false to remember it for this session
 */
export const entryOf = ({ entry, saved }: Offer, save: boolean): unknown =>
  saved === undefined || save ? entry : { ...(entry as object), destination: 'session' }
