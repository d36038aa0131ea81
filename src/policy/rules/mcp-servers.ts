import type { PolicyRefusal } from '../../protocol/policy-rules.ts'
import type { Policy } from '../schema.ts'

/** Refuses a specification's MCP servers that the policy does not permit. */
export function refusedMcpServers({ mcp }: Policy, servers: Record<string, unknown> = {}): PolicyRefusal[] {
  if (mcp.servers === 'any') return []
  const names = Object.keys(servers)
  if (mcp.servers === 'none')
    return names.map((name) => ({
      key: 'mcp.servers',
      message: `The machine's policy does not permit MCP servers in a specification, and refuses ${name}.`,
    }))
  return names
    .filter((name) => !mcp.listed.some((listed) => listed.name === name && isSame(listed, servers[name])))
    .map((name) => ({
      key: 'mcp.listed',
      message: `The machine's policy does not list the MCP server ${name} with this definition.`,
    }))
}

/**
 * Reports whether a definition has only the parts that the policy lists, so that no variable or header can
 * change what the MCP server does.
 */
function isSame(
  listed: { command?: string | undefined; url?: string | undefined },
  definition: unknown,
): boolean {
  if (typeof definition !== 'object' || definition === null) return false
  const { type, command, args, url, ...rest } = definition as Record<string, unknown>
  if (Object.keys(rest).length > 0) return false
  if (listed.url !== undefined)
    return (
      url === listed.url && command === undefined && args === undefined && (type === 'http' || type === 'sse')
    )
  if (url !== undefined || (type !== undefined && type !== 'stdio')) return false
  const words = [command, ...(Array.isArray(args) ? args : args === undefined ? [] : [undefined])]
  return (
    words.every((word) => typeof word === 'string' && !/\s/.test(word)) && words.join(' ') === listed.command
  )
}
