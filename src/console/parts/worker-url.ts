/** The part of the API of trusted types that is needed. Older browsers lack it. */
interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(): string }): { createScriptURL(text: string): string }
}

const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes }

/**
 * Returns the address of a worker, in the form that browsers accept. Each policy permits a single address, so no text
 * can become code of the page.
 * @param name name of a policy that the content security policy permits
 */
export const workerUrl = (name: string, address: string): string =>
  trustedTypes?.createPolicy(name, { createScriptURL: () => address }).createScriptURL(address) ?? address
