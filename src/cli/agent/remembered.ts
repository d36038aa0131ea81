import { entryOf, type Offer, offersOf } from '../../client/offers.ts'
import { Reveal } from '../../client/reveal-hidden.ts'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import type { PermissionRequest } from '../../protocol/index.ts'
import { confirmYes } from '../confirm-yes.ts'
import { cleanLine } from '../render/clean.ts'
import type { Also } from './also-values.ts'
import type { Ask } from './show-pages.ts'

interface Chosen {
  offer: Offer
  save: boolean
}

/** Permission updates to remember with an answer. */
export interface Remembered {
  /** Entries to send to the daemon. */
  remember: unknown[]
  /** Descriptions of the entries, and of the other offers, safe for a terminal. */
  remembered: string[]
  left: string[]
}

const OFFER_CHARS = 200

/**
 * Returns the offers that the flags choose: `always` chooses rules for the tool, and `also` chooses other
 * offers by name.
 * @throws UserError if the request does not offer something that the flags name
 */
export function rememberedBy(
  request: PermissionRequest,
  { always, also }: { always: boolean; also: Also[] },
): Remembered {
  const offers = offersOf(request)
  const chosen = offers
    .filter(({ kind }) => (kind === 'rule' ? always : also.includes(kind)))
    .map((offer) => ({ offer, save: also.includes('save') }))
  const missing = [...(always ? (['rule'] as const) : []), ...also].find((name) =>
    name === 'save'
      ? chosen.every(({ offer }) => offer.saved === undefined)
      : chosen.every(({ offer }) => offer.kind !== name),
  )
  if (missing !== undefined) throw notOffered(missing, offers, request)
  return outcomeOf(offers, chosen)
}

function notOffered(what: Also | 'rule', offers: Offer[], { tool }: PermissionRequest): UserError {
  const others = [...new Set(offers.filter(({ kind }) => kind !== 'rule').map(({ kind }) => kind))]
  const message = {
    rule: `The request offers no rule for ${cleanLine(tool, OFFER_CHARS)}.`,
    save: 'The request does not offer to save the chosen updates.',
    mode: 'The request offers no permission mode.',
    directories: 'The request offers no directories.',
    other: 'The request offers nothing else.',
  }[what]
  const flag = what === 'rule' ? '--always' : `--also ${what}`
  const offered =
    others.length === 0 ? '' : ` To remember the request's offers, use --also ${others.join(',')}.`
  return new UserError('not_offered', message, {
    remedy: `Leave out ${flag}.${offered}`,
    exitCode: EXIT.refused,
  })
}

/**
 * Asks which suggestions of the request to remember, and asks before any of them is saved in a file. Each
 * question shows what would be remembered.
 * @param confirmsRules true to also ask about rules for the tool that cannot be saved; otherwise, rules are
 * remembered until the session ends
 */
export async function askRemembered(
  request: PermissionRequest,
  ask: Ask,
  { confirmsRules }: { confirmsRules: boolean },
): Promise<Remembered> {
  const offers = offersOf(request)
  const chosen: Chosen[] = []
  for (const offer of offers) {
    const name = new Reveal().line(cleanLine(offer.text, OFFER_CHARS))
    const question = {
      rule: confirmsRules && offer.saved === undefined ? `Allow ${name} until the session ends?` : undefined,
      mode: `Also switch to permission mode ${name}?`,
      directories: `Also let the agent work in ${name}?`,
      other: `Also remember ${name}?`,
    }[offer.kind]
    if (question !== undefined && !(await confirmYes(ask, question))) continue
    const save =
      offer.saved !== undefined &&
      (await confirmYes(ask, `Save ${name} in ${new Reveal().line(offer.saved)}? (No: this session only.)`))
    chosen.push({ offer, save })
  }
  return outcomeOf(offers, chosen)
}

function outcomeOf(offers: Offer[], chosen: Chosen[]): Remembered {
  const text = ({ kind, text }: Offer) => `${kind === 'rule' ? '' : `${kind} `}${new Reveal().line(text)}`
  return {
    remember: chosen.map(({ offer, save }) => entryOf(offer, save)),
    remembered: chosen.map(({ offer, save }) => `${text(offer)}, ${where(offer, save)}`),
    left: offers.filter((offer) => !chosen.some((one) => one.offer === offer)).map(text),
  }
}

function where({ kind, saved }: Offer, save: boolean): string {
  if (save && saved !== undefined) return `saved in ${new Reveal().line(saved)}`
  return kind === 'other' ? 'as specified' : 'for this session'
}

/**
 * Returns lines that list two kinds of offers: those to remember, and the others. Returns no lines if there
 * are no offers.
 */
export const rememberedText = ({ remembered, left }: Remembered): string[] => [
  ...remembered.map((text) => `Remembered: ${text}`),
  ...(left.length > 0 ? [`Not remembered: ${left.join('; ')}`] : []),
]
