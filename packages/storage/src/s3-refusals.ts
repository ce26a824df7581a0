import { nameOf } from './failure.js'

interface Asked {
  bucket: string
  /** What the environment's variables begin with. */
  variables: string
  /** What the credentials must allow. */
  permissions: string
}

interface Refusal extends Asked {
  /** Where the bucket is, when the server says so. */
  region: string | undefined
}

const wrongRegion = ({ bucket, region, variables }: Refusal) =>
  `has bucket ${bucket} in another region than ${variables}_REGION says; set ${variables}_REGION${region === undefined ? ' to its region' : `=${region}`}`
const skewed = () =>
  "refuses requests because the clocks differ by more than it allows; set this machine's clock (timedatectl set-ntp true), or the server's"

/** S3's error codes that a setting cures, and which one. */
const remedies: Record<string, (refusal: Refusal) => string> = {
  PermanentRedirect: wrongRegion,
  AuthorizationHeaderMalformed: wrongRegion,
  IllegalLocationConstraintException: wrongRegion,
  InvalidAccessKeyId: ({ variables }) =>
    `refuses the credentials: it knows no such key; mend ${variables}_ACCESS_KEY_ID`,
  SignatureDoesNotMatch: ({ variables }) =>
    `refuses the credentials: ${variables}_SECRET_ACCESS_KEY is not the secret of ${variables}_ACCESS_KEY_ID, or a proxy in between changes the request`,
  RequestTimeTooSkewed: skewed,
  RequestExpired: skewed,
  AccessDenied: ({ bucket, permissions }) => `refuses the credentials for bucket ${bucket}: allow them ${permissions}`,
}

/** What a refusal means and what to do about it; undefined when it says nothing that we know. */
export function refusalOf(error: unknown, status: number | undefined, asked: Asked): string | undefined {
  const remedy = remedies[nameOf(error)] ?? (status === 301 ? wrongRegion : undefined)
  return remedy?.({ ...asked, region: regionIn(error) })
}

/** Of a redirect; AWS names it in a header, and in the body as well. */
function regionIn(error: unknown): string | undefined {
  const { Region, $response } = error as { Region?: unknown; $response?: { headers?: Record<string, string> } }
  const region = typeof Region === 'string' ? Region : $response?.headers?.['x-amz-bucket-region']
  return region !== undefined && /^[a-z0-9-]{1,40}$/.test(region) ? region : undefined
}
