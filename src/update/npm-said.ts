import * as z from 'zod/mini'
import type { NpmRun } from './npm.ts'

/** With `--json`, npm puts its error on standard output. */
const Told = z.object({
  error: z.object({ code: z.optional(z.nullable(z.string())), summary: z.optional(z.string()) }),
})
const SUMMARY_CHARS = 300

/** What npm says of its failure: the error's code, a line about it, and which address it had asked. */
export function npmSaid({ stdout, stderr }: NpmRun): { code?: string; summary?: string; url?: string } {
  // Before npm 10.8 it was `npm ERR!`.
  const lines = stderr.split('\n').flatMap((line) => /^npm (?:error|ERR!) (.+)$/.exec(line)?.[1] ?? [])
  const told = toldIn(stdout)
  const code = told?.code ?? lines.flatMap((line) => /^code (\S+)/.exec(line)?.[1] ?? [])[0]
  const plain = lines.find((line) => !/^(code|errno|syscall|type|path|dest) |^A complete log/.test(line))
  const summary = (told?.summary || plain)?.replace(/\s+/g, ' ').slice(0, SUMMARY_CHARS)
  const [, url] =
    /(?:GET|request to|response body at) (https?:\/\/[^\s,]+)/.exec(`${stderr}\n${stdout}`) ?? []
  return { ...(code && { code }), ...(summary && { summary }), ...(url && { url }) }
}

function toldIn(stdout: string): z.infer<typeof Told>['error'] | undefined {
  try {
    const told = Told.safeParse(JSON.parse(stdout))
    return told.success ? told.data.error : undefined
  } catch {
    return undefined
  }
}
