import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defaultUrl } from 'registry-url'
import * as z from 'zod/mini'
import { packageName } from '../switch/target.ts'
import { signaturesDemanded } from './authentic.ts'
import type { Source } from './npm.ts'
import { registryOf, registrySet } from './npmrc.ts'
import type { Policy } from './prepare-options.ts'
import { registryInUse } from './release.ts'

/** The source of new versions for an installation. */
export const UpdateSource = z.object({
  package: z.string(),
  /** The registry's address, without a password. */
  registry: z.string(),
  /** True if only releases signed with a release key are accepted. */
  signatures: z.boolean(),
})
export type UpdateSource = z.infer<typeof UpdateSource>

/** @throws UpdateFailure; the reason of `signal` if it aborts */
export async function updateSource(
  policy: Policy,
  env: NodeJS.ProcessEnv,
  signal = new AbortController().signal,
  checkFile?: Source['checkFile'],
): Promise<UpdateSource> {
  const cwd = mkdtempSync(join(tmpdir(), 'fomular-update-'))
  try {
    const { package: name, registry } = policy
    const source = await registryInUse({ package: packageName(name), registry, cwd, env, signal, checkFile })
    signal.throwIfAborted()
    return {
      package: name,
      registry: plainAddress(registryOf(source).url),
      signatures: signaturesDemanded(policy),
    }
  } finally {
    rmSync(cwd, { recursive: true, force: true })
  }
}

/**
 * Finds the registry of a package if this program's own settings name none.
 * @returns its address, without a password, and the variable or file of npm that names it
 * @throws UpdateFailure; the reason of `signal` if it aborts
 */
export async function npmRegistry(name: string, env: NodeJS.ProcessEnv, signal?: AbortSignal) {
  const { registry: value } = await updateSource({ package: name }, env, signal)
  const set = registrySet(name, env)
  // The setting may also be in a file that only npm knows.
  const usual = value === plainAddress(defaultUrl) ? "npm's default" : "npm's own setting"
  return { value, source: set && plainAddress(set.value) === value ? set.source : usual }
}

/** Returns a registry's address in a form for comparison and display, without a password. */
export function plainAddress(address: string): string {
  try {
    const url = new URL(address)
    url.username = ''
    url.password = ''
    return url.href.replace(/\/+$/, '')
  } catch {
    return address
  }
}
