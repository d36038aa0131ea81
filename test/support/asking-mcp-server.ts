/**
 * The text of an MCP server on standard input and output. Its tool `ask` sends the elicitation in its
 * argument `params` to the user, and returns the user's answer.
 */
export const ASKING_MCP_SERVER = `
let rest = ''
let asked = 0
const calls = new Map()
const send = (message) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\\n')
const result = (id, said) => send({ id, result: { content: [{ type: 'text', text: JSON.stringify(said) }] } })
const methods = {
  initialize: ({ protocolVersion }) => ({ protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'asks', version: '1' } }),
  'tools/list': () => ({ tools: [{ name: 'ask', inputSchema: { type: 'object', properties: { params: { type: 'object' } } } }] }),
}
process.stdin.on('data', (data) => {
  const lines = (rest + data).split('\\n')
  rest = lines.pop()
  for (const line of lines.filter(Boolean)) {
    const { id, method, params, ...answer } = JSON.parse(line)
    if (method === 'tools/call') {
      const question = 'q' + asked++
      calls.set(question, id)
      send({ id: question, method: 'elicitation/create', params: params.arguments.params })
    } else if (calls.has(id)) result(calls.get(id), answer.result ?? answer.error)
    else if (id !== undefined && method) send({ id, result: methods[method]?.(params) ?? {} })
  }
})
`
