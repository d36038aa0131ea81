import type { PermissionRequest } from '../../protocol/index.ts'
import type { Colors } from './ansi.ts'
import { lay } from './lay.ts'
import { Reveal } from './reveal.ts'

type OfferKind = 'rule' | 'mode' | 'directories' | 'other'

/** Something that a request offers to remember. */
export interface Offer {
  /** `rule`: rules that allow the tool that is asked for. `other`: everything that no other kind fits. */
  kind: OfferKind
  /** As the request has it. */
  entry: unknown
  /** In words, of which some are the agent's. */
  text: string
  /** Where it is saved, so that it holds beyond the session. Absent where it does not. */
  saved?: string
}

/** Where Claude Code saves what is remembered. */
const PLACES: Record<string, string> = {
  localSettings: '.claude/settings.local.json of its folder',
  projectSettings: '.claude/settings.json of its folder, for all who use it',
  userSettings: '~/.claude/settings.json, for all folders',
}
const OF_SESSION = ['session', 'cliArg']

type Fields = Record<string, unknown>
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** What a request offers to remember, by what it would change. */
export const offersOf = ({ tool, suggestions = [] }: PermissionRequest): Offer[] =>
  suggestions.map((entry) => {
    const known = isFields(entry) ? describe(entry, tool) : undefined
    if (!known) return { kind: 'other', entry, text: JSON.stringify(entry) }
    const { destination } = entry as { destination: string }
    if (OF_SESSION.includes(destination)) return { ...known, entry }
    return { ...known, entry, saved: Object.hasOwn(PLACES, destination) ? PLACES[destination]! : destination }
  })

/** For an entry that is entirely of a known form: what it does not say is not in it. */
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
  // Without content, a rule allows the tool by itself.
  return ruleContent?.trim() ? `${tool}(${ruleContent})` : `${tool} (every use of it)`
}

const isEmpty = (fields: Fields) => Object.keys(fields).length === 0

/** What a request offers to remember, one offer a line; empty where it offers nothing. */
export function offersText(request: PermissionRequest, { dim, yellow }: Colors, width?: number): string {
  const offers = offersOf(request)
  if (offers.length === 0) return ''
  const reveal = new Reveal()
  const rows = lay(
    [
      { head: '  ', text: 'It offers to remember:', style: dim },
      ...offers.map(({ kind, text, saved }) => ({
        head: '  - ',
        text: `${kind}: ${reveal.line(text)}${saved === undefined ? '' : ` (save: in ${reveal.line(saved)})`}`,
        style: dim,
      })),
    ],
    width,
  )
  const hidden = reveal.summary()
  return [
    ...rows,
    ...(hidden === undefined ? [] : lay([{ head: '! ', text: hidden, style: yellow }], width)),
  ].join('\n')
}
