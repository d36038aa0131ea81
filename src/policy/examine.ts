import '../protocol/english.ts'
import { parse } from 'smol-toml'
import type * as z from 'zod/mini'
import { tomlProblem } from '../config/file.ts'
import { suggest } from '../config/suggest.ts'
import { tomlLines } from '../config/toml-lines.ts'
import { type Policy, PolicyFile } from './schema.ts'

/** A mistake in a policy's file. */
export interface PolicyProblem {
  /** Key at fault, such as `folders.allow`; empty for the whole file. */
  key: string
  line?: number
  /** Predicate of a sentence with the file as its subject. */
  message: string
  remedy: string
}

export type Examined = { policy: Policy; problems?: never } | { policy?: never; problems: PolicyProblem[] }

/** All keys of the file, such as `folders.allow`. */
export const KEYS: readonly string[] = keysOf(PolicyFile as unknown as Described)

/** Returns the policy in the text of a file, or all mistakes in the text. */
export function examinePolicy(text: string): Examined {
  let table: unknown
  try {
    table = parse(text)
  } catch (error) {
    const { line } = error as { line?: number }
    const message = `is not valid TOML: ${tomlProblem(error)}.`
    return {
      problems: [{ key: '', ...(line !== undefined && { line }), message, remedy: 'Correct the file.' }],
    }
  }
  const parsed = PolicyFile.safeParse(table)
  if (parsed.success) return { policy: parsed.data }
  const lines = tomlLines(text)
  const problems = parsed.error.issues.flatMap((issue) => problemsIn(issue, lines))
  return { problems: problems.sort((a, b) => (a.line ?? 0) - (b.line ?? 0)) }
}

function problemsIn(issue: z.core.$ZodIssue, lines: Map<string, number>): PolicyProblem[] {
  const at = issue.path.map(String)
  if (issue.code !== 'unrecognized_keys') {
    const key = at.join('.')
    const line = lineOf(at, lines)
    const message = `is invalid at ${key || 'its top level'}: ${said(issue)}.`
    return [{ key, ...(line !== undefined && { line }), message, remedy: 'Correct the file.' }]
  }
  return issue.keys.map((name) => {
    const key = [...at, name].join('.')
    const line = lineOf([...at, name], lines)
    const meant = suggest(key, KEYS)
    const remedy = meant === undefined ? `Known keys: ${KEYS.join(', ')}.` : `Did you mean "${meant}"?`
    return { key, ...(line !== undefined && { line }), message: `has an unknown key "${key}".`, remedy }
  })
}

function said({ code, path, message }: z.core.$ZodIssue): string {
  if (code === 'invalid_value' && path[0] === 'version') return 'the file must begin with version = 1'
  return message
}

/** Returns the line of a key, or, if that is unknown, the line of the list or table that contains the key. */
function lineOf(path: string[], lines: Map<string, number>): number | undefined {
  for (let length = path.length; length > 0; length--) {
    const line = lines.get(path.slice(0, length).join('.'))
    if (line !== undefined) return line
  }
  return undefined
}

interface Described {
  _zod: { def: { shape?: Record<string, Described>; innerType?: Described } }
}

function keysOf(schema: Described): string[] {
  return Object.entries(schema._zod.def.shape ?? {}).flatMap(([key, value]) => {
    let inner = value
    while (inner._zod.def.innerType) inner = inner._zod.def.innerType
    const below = keysOf(inner)
    return below.length === 0 ? [key] : below.map((name) => `${key}.${name}`)
  })
}
