import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadDaemonConfig } from '../../config/daemon-config.ts'
import type { StatePaths } from '../../config/paths.ts'
import { ifPresent, orUndefined } from '../../platform/or-undefined.ts'
import { REDACTED } from '../../policy/redaction/blank.ts'

/** Names of variables whose values are secret. */
const NAMES = /KEY|TOKEN|SECRET|PASS|CREDENTIAL|AUTH/i
/** Minimum length of a secret, in characters. Shorter values are usually ordinary words. */
const LEAST = 8
/** Texts that are secret wherever they are: keys of this program and of models, headers, and passwords in addresses. */
const PATTERNS = [
  /\bf[mu]k_[\w-]{16,}/g,
  /\b(sk|pk|ghp|gho|xox[abp])[-_][\w-]{16,}/g,
  /\b(Bearer|Basic) [\w.~+/=-]{8,}/g,
  /(?<=:\/\/)[^/@\s"]+(?=@)/g,
]

/** Returns a function that removes secrets from a text: those of this machine, and everything that looks like one. */
export async function withoutSecretsOf(
  { hub }: StatePaths,
  env: NodeJS.ProcessEnv,
): Promise<(text: string) => string> {
  const files = ['machine.key', 'user.key'].map((name) => join(hub, name))
  const keys = [env.FOMULAR_KEY_FILE, env.FOMULAR_HUB_KEY_FILE, ...files].map(
    (file) => file && orUndefined(() => ifPresent(() => readFileSync(file, 'utf8').trim())),
  )
  const variables = Object.entries(env).flatMap(([name, value]) => (NAMES.test(name) ? [value] : []))
  const config = await loadDaemonConfig({ flags: {}, env }).catch(() => undefined)
  const headers = Object.values(config?.traces?.headers ?? {})
  const secrets = [config?.key, ...headers, ...keys, ...variables].filter(
    (secret) => secret !== undefined && secret.length >= LEAST,
  )
  const forms = secrets.flatMap((secret) => [secret!, JSON.stringify(secret).slice(1, -1)])
  return (text) => {
    let clean = text
    for (const form of new Set(forms)) clean = clean.replaceAll(form, REDACTED)
    for (const pattern of PATTERNS) clean = clean.replace(pattern, REDACTED)
    return clean
  }
}
