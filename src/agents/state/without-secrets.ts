import type { Event } from '../../protocol/index.ts'

/** Removes secrets. Texts are redacted before they are shortened, because nobody recognizes a part of a secret. */
export interface Redactor {
  /** Returns a text without secrets. Another function after a change of the secrets; undefined if there are none. */
  readonly blank: ((text: string) => string) | undefined
  /** Returns a part of a message without secrets. */
  redactPart<T extends object>(part: T): T
  /** Adds the variables of an agent, whose values may be secrets. */
  learn(environment: Readonly<Record<string, string>> | undefined): void
}

/** Fields with texts that a status shows in a shorter form. */
const SHORTENED: { readonly [kind in Event['kind']]?: readonly string[] } = {
  session: ['mcp_servers'],
  turn_result: ['text', 'errors'],
  prompt_rejected: ['reason'],
  retry: ['error'],
  hook: ['name', 'output'],
  task: ['description'],
  background_tasks: ['tasks'],
  reply: ['error'],
}

/** Returns an event without the secrets in those texts that a status shows in a shorter form. */
export function withoutSecrets(event: Event, redactor: Redactor): Event {
  const names = SHORTENED[event.kind]
  if (!names || !redactor.blank) return event
  const texts = Object.entries(event).filter(([name]) => names.includes(name))
  return { ...event, ...redactor.redactPart(Object.fromEntries(texts)) }
}
