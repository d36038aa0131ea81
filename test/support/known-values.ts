import type { Schema } from '../../packaging/schema.ts'

/**
 * Returns the values of each enum of strings in the definitions of a JSON Schema, by the place of the enum. A
 * place is `Definition.field`, or `Definition/kind.field` for a kind of event or block.
 */
export function knownValues(definitions: Record<string, Schema>): Record<string, string[]> {
  const found: Record<string, string[]> = {}
  const kindOf = ({ properties }: Schema) => {
    const kind = (properties?.kind ?? properties?.type)?.const
    return typeof kind === 'string' ? kind : undefined
  }
  const visit = (node: Schema, place: string) => {
    const kind = kindOf(node)
    const here = kind === undefined || kind.includes(':') ? place : `${place}/${kind}`
    const branches = [...(node.anyOf ?? []), ...(node.oneOf ?? [])]
    const kinds = new Set(branches.flatMap((branch) => kindOf(branch) ?? []))
    if (kinds.size > 1) found[`${place} kinds`] = [...kinds]
    if (node.enum?.every((value) => typeof value === 'string')) found[place] = node.enum as string[]
    for (const [field, child] of Object.entries(node.properties ?? {})) visit(child, `${here}.${field}`)
    for (const child of branches) visit(child, place)
    if (node.items) visit(node.items, place)
  }
  for (const [name, definition] of Object.entries(definitions)) visit(definition, name)
  return found
}
