import { nameOf } from './failure.js'

interface Refusal {
  bucket: string
  /** Where the bucket is, when the server says so. */
  region: string | undefined
}

const wrongRegion = ({ bucket, region }: Refusal) =>
  `has bucket ${bucket} in another region than S3_REGION says; set S3_REGION${region === undefined ? ' to its region' : `=${region}`}`
const skewed = () =>
  "refuses requests because the clocks differ by more than it allows; set this machine's clock (timedatectl set-ntp true), or the server's"

/** S3's error codes that a setting cures, and which one. */
const remedies: Record<string, (refusal: Refusal) => string> = {
  PermanentRedirect: wrongRegion,
  AuthorizationHeaderMalformed: wrongRegion,
  IllegalLocationConstraintException: wrongRegion,
  InvalidAccessKeyId: () => 'refuses the credentials: it knows no such key; mend S3_ACCESS_KEY_ID',
  SignatureDoesNotMatch: () =>
    'refuses the credentials: S3_SECRET_ACCESS_KEY is not the secret of S3_ACCESS_KEY_ID, or a proxy in between changes the request',
  RequestTimeTooSkewed: skewed,
  RequestExpired: skewed,
  AccessDenied: ({ bucket }) =>
    `refuses the credentials for bucket ${bucket}: allow them s3:ListBucket on it, and s3:GetObject, s3:PutObject, s3:DeleteObject and s3:AbortMultipartUpload on its objects`,
}

/** What a refusal means and what to do about it; undefined when it says nothing that we know. */
export function refusalOf(error: unknown, status: number | undefined, bucket: string): string | undefined {
  const remedy = remedies[nameOf(error)] ?? (status === 301 ? wrongRegion : undefined)
  return remedy?.({ bucket, region: regionIn(error) })
}

/** Of a redirect; AWS names it in a header, and in the body as well. */
function regionIn(error: unknown): string | undefined {
  const { Region, $response } = error as { Region?: unknown; $response?: { headers?: Record<string, string> } }
  return typeof Region === 'string' ? Region : $response?.headers?.['x-amz-bucket-region']
}
