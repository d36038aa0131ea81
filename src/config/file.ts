import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'smol-toml'
import * as z from 'zod/mini'
import { UserError } from '../platform/errors.ts'
import { LOG_LEVELS } from '../platform/log.ts'

const positive = z.int().check(z.minimum(1))

/** The configuration file, TOML. The key itself is not in it: it names a file that holds the key. */
export const ConfigFile = z.strictObject({
  server_url: z.optional(z.string()),
  key_file: z.optional(z.string()),
  ca_file: z.optional(z.string()),
  allow_insecure: z.optional(z.boolean()),
  log_level: z.optional(z.enum(LOG_LEVELS)),
  max_agents: z.optional(positive),
  stop_grace_s: z.optional(z.number().check(z.minimum(0), z.maximum(600))),
  journal_cap_mb: z.optional(positive),
  retain_ended_days: z.optional(z.number().check(z.minimum(0))),
})
export type ConfigFile = z.infer<typeof ConfigFile>

const places = (env: NodeJS.ProcessEnv) => [
  join(env.HOME || homedir(), '.fomular/config.toml'),
  '/etc/fomular-daemon/config.toml',
]

/**
 * Reads the configuration file: the one named, else `FOMULAR_CONFIG`, else the first of the usual places that is there.
 * @throws UserError
 */
export function readConfigFile(
  named: string | undefined,
  env: NodeJS.ProcessEnv,
): { path?: string; file: ConfigFile } {
  const wanted = named ?? (env.FOMULAR_CONFIG || undefined)
  const path = wanted ?? places(env).find((place) => existsSync(place))
  if (path === undefined) return { file: {} }
  let toml: unknown
  try {
    toml = parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new UserError(
      'config_invalid',
      `The configuration file ${path} cannot be read: ${(error as Error).message}`,
      {
        remedy: 'Correct it, or name another with --config.',
        exitCode: 2,
      },
    )
  }
  const parsed = ConfigFile.safeParse(toml)
  if (parsed.success) return { path, file: parsed.data }
  const issue = parsed.error.issues[0]
  const unknown = issue?.code === 'unrecognized_keys' ? issue.keys[0] : undefined
  throw new UserError(
    'config_invalid',
    unknown === undefined
      ? `${path}: ${issue?.path.join('.')}: ${issue?.message}`
      : `${path}: there is no setting "${unknown}".`,
    { remedy: `Settings are: ${Object.keys(ConfigFile.shape).join(', ')}.`, exitCode: 2 },
  )
}
