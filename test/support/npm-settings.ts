import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'

const NAMES = ['registry', 'cafile', 'proxy', 'https-proxy', 'noproxy', 'strict-ssl']

/**
 * Returns an environment in which `npm` runs on this machine's Node. npm finds its global settings through the Node
 * that runs it, and tests may run on another Node.
 */
function ownEnvironment(): NodeJS.ProcessEnv {
  const ofTests = dirname(process.execPath)
  if (existsSync(join(ofTests, 'npm'))) return process.env
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== ofTests)
  return { ...process.env, PATH: folders.join(delimiter) }
}

/**
 * Returns lines of an .npmrc with which another npm reaches the registry in the same way as this machine's
 * npm.
 */
export function npmSettings(different: Record<string, string> = {}): string {
  const env = ownEnvironment()
  const { NODE_EXTRA_CA_CERTS: authorities = '' } = env
  const isSet = (value: string) => value !== '' && value !== 'null'
  const configured = (name: string) =>
    execFileSync('npm', ['config', 'get', name], { encoding: 'utf8', env }).trim()
  const value = (name: string) => {
    const found = different[name] ?? configured(name)
    return !isSet(found) && name === 'cafile' ? authorities : found
  }
  const lines = NAMES.map((name) => [name, value(name)] as const).filter(([, is]) => isSet(is))
  return [...lines, ['update-notifier', 'false']].map(([name, is]) => `${name}=${is}\n`).join('')
}
