// The vendor's own @wecom/crypto as an oracle: reads JSON from stdin, a list of jobs; writes the list of results.
const { getSignature, encrypt, decrypt } = require("@wecom/crypto");

const work = {
  sign: (job) => getSignature(job.token, job.timestamp, job.nonce, job.encrypt),
  close: (job) => encrypt(job.aes_key, job.message, job.id),
  open: (job) => decrypt(job.aes_key, job.encrypt),
};

const jobs = JSON.parse(require("fs").readFileSync(0, "utf-8"));
process.stdout.write(JSON.stringify(jobs.map((job) => work[job.do](job))));
