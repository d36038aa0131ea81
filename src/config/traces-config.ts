import { reasonOf, UserError } from '../platform/errors.ts'
import { EXIT } from '../platform/exit-codes.ts'
import { readAtMost } from '../platform/read-at-most.ts'
import { isContainerSecret } from './key.ts'
import { isLoopback } from './server-url.ts'
import { findSetting, type Sources, settingOf } from './sources.ts'

/** Where the daemon sends the traces of its agents. */
export interface TracesConfig {
  /** Address of the collector, for OTLP over HTTP. */
  url: string
  /** Headers of each request. Secret. */
  headers: Readonly<Record<string, string>>
  /** File with the headers. */
  headers_file?: string
  /** True if traces contain the inputs and results of tools. */
  content: boolean
}

/** Path of traces at a collector. */
const TRACES = '/v1/traces'
/** Maximum size of the file with headers, in bytes. */
const FILE_BYTES = 16 * 1024

/** Returns the settings of traces; undefined without a collector. @throws UserError */
export function tracesConfig(sources: Sources): TracesConfig | undefined {
  const address = findSetting('traces.url', sources)
  if (!address) return undefined
  const file = settingOf('traces.headers_file', sources)
  return {
    url: collectorUrl(address.value, address.source, settingOf('traces.allow_insecure', sources)),
    headers: file === undefined ? {} : headersIn(file),
    ...(file !== undefined && { headers_file: file }),
    content: settingOf('traces.content', sources),
  }
}

function collectorUrl(text: string, source: string, allowInsecure: boolean): string {
  const invalid = (problem: string, remedy: string) =>
    new UserError('config_invalid', `${source}: ${problem}`, { remedy, exitCode: EXIT.usage })
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !/^https?:$/.test(url.protocol))
    throw invalid(
      `"${text}" is not the address of a collector.`,
      'Use https://host, or http://localhost:4318.',
    )
  if (url.username || url.password)
    throw invalid(
      'the address contains a username or password.',
      'Put a header with the key into the file traces.headers_file.',
    )
  if (url.protocol === 'http:' && !isLoopback(url.hostname) && !allowInsecure)
    throw invalid(
      `${url.origin} is on another machine, and not encrypted.`,
      'Use https, or set traces.allow_insecure if the network itself is private.',
    )
  if (url.pathname === '/') url.pathname = TRACES
  return url.href
}

/** Reads lines such as `Authorization: Bearer …`. @throws UserError */
function headersIn(file: string): Record<string, string> {
  const invalid = (problem: string) =>
    new UserError('config_invalid', `The file ${file} with headers for traces ${problem}.`, {
      remedy: 'Write one header per line, such as "Authorization: Bearer KEY".',
      exitCode: EXIT.usage,
    })
  let found: ReturnType<typeof readAtMost>
  try {
    found = readAtMost(file, FILE_BYTES)
  } catch (error) {
    throw invalid(`cannot be read: ${reasonOf(error)}`)
  }
  const { text, mode } = found
  if ((mode & 0o077) !== 0 && !isContainerSecret(file))
    throw new UserError(
      'config_invalid',
      `Other users can read ${file}, which contains headers for traces.`,
      {
        remedy: `Run chmod 600 ${file}.`,
        exitCode: EXIT.usage,
      },
    )
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  return Object.fromEntries(
    lines.map((line, n) => {
      const [, name, value] = /^([!#$%&'*+.^_`|~\w-]+):[ \t]*([\x20-\x7e]*?)\s*$/.exec(line) ?? []
      if (name === undefined || value === undefined) throw invalid(`is invalid in line ${n + 1}`)
      return [name.toLowerCase(), value]
    }),
  )
}
