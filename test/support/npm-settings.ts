import { execFileSync } from 'node:child_process'

const NAMES = ['registry', 'cafile', 'proxy', 'https-proxy', 'noproxy', 'strict-ssl']

/**
 * Returns lines of an .npmrc with which another npm reaches the registry in the same way as this machine's
 * npm.
 */
export function npmSettings(different: Record<string, string> = {}): string {
  const value = (name: string) =>
    different[name] ?? execFileSync('npm', ['config', 'get', name], { encoding: 'utf8' }).trim()
  const lines = NAMES.map((name) => [name, value(name)]).filter(([, is]) => is !== '' && is !== 'null')
  return [...lines, ['update-notifier', 'false']].map(([name, is]) => `${name}=${is}\n`).join('')
}
