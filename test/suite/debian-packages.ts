import { readFileSync } from 'node:fs'
import { execa } from 'execa'

/** Timeout for apt's lock, in seconds. On a new machine, Debian's own updates hold the lock for minutes. */
const LOCK_S = 600
const list = new URL('../../packaging/debian-packages', import.meta.url)

/** For each program that tests need: the Debian package that contains it. */
export const debianPackages = new Map(
  readFileSync(list, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(' ') as [string, string]),
)

/** Returns the Debian packages of these programs. */
export const packagesOf = (programs: readonly string[]) =>
  [...new Set(programs.map((program) => debianPackages.get(program) ?? program))].sort()

/** Reports whether this system is Debian or a derivative. */
export function isDebian(): boolean {
  try {
    return /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(readFileSync('/etc/os-release', 'utf8'))
  } catch {
    return false
  }
}

/**
 * Installs Debian packages.
 * @throws Error with the output of apt-get, and a remedy
 */
export async function installPackages(packages: readonly string[]) {
  console.log(`Installing ${packages.length} Debian packages that tests need: ${packages.join(' ')} …`)
  const start = performance.now()
  const apt = (...args: string[]) =>
    execa('apt-get', ['-qq', '-o', `DPkg::Lock::Timeout=${LOCK_S}`, ...args], {
      env: { DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' },
      stdin: 'ignore',
      all: true,
      reject: false,
    })
  await apt('update')
  const { exitCode, all = '' } = await apt('install', '--yes', '--no-install-recommends', ...packages)
  if (exitCode !== 0)
    throw new Error(
      `${all.trimEnd()}\n\napt-get could not install the packages that tests need; its output is above.\n` +
        'Check the network and the sources with `apt-get update`; on Ubuntu, add the component universe.',
    )
  console.log(`Installed in ${Math.round((performance.now() - start) / 1000)} s.`)
}
