// Uploads that can be resumed, by the npm package `tus-js-client`.
// tus.mjs STEP URL USER PASSWORD: one step, in the folder of the files; it ends with status 0 if all that it found was as expected.
import assert from "node:assert/strict";
import { createReadStream, statSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(process.cwd() + "/");
const tus = require("tus-js-client");
const [step, url, username, password] = process.argv.slice(2);
const authorization = "Basic " + Buffer.from(`${username}:${password}`).toString("base64");

// An upload to its end; `change` sees it before it begins.
function upload(path, options = {}, change = async () => {}) {
    return new Promise((resolve, reject) => {
        const { size, mtimeMs } = statSync(path);
        const upload = new tus.Upload(createReadStream(path), {
            endpoint: url,
            headers: { Authorization: authorization },
            metadata: { filename: path, mtime: String(Math.floor(mtimeMs / 1000)), filetype: "application/octet-stream" },
            uploadSize: size,
            urlStorage: new tus.FileUrlStorage("urls-js.json"),
            removeFingerprintOnSuccess: true,
            onError: reject,
            onSuccess: () => resolve(upload),
            ...options,
        });
        change(upload, resolve).then(() => upload.start(), reject);
    });
}

const steps = {
    async small() {
        for (const along of [false, true]) await upload("small.txt", { uploadDataDuringCreation: along });
        await upload("empty.txt");
    },
    // The process ends in the middle of its third request, without a word.
    async begun() {
        await upload("large.dat", { chunkSize: 3_000_000, onProgress: (sent) => sent > 6_000_000 && process.exit(0) });
        assert.fail("it came to its end");
    },
    async resumed() {
        let first;
        await upload("large.dat", { onProgress: (sent) => (first ??= sent) }, async (upload) => {
            const before = await upload.findPreviousUploads();
            assert.equal(before.length, 1);
            upload.resumeFromPreviousUpload(before[0]);
        });
        assert.ok(first >= 6_000_000 && first < 20_000_000, `it went on at ${first}`);
    },
    async terminated() {
        const begun = await new Promise((resolve, reject) => {
            const onChunkComplete = () => resolve(running);
            let running;
            const options = { chunkSize: 1_000_000, onChunkComplete, storeFingerprintForResuming: false };
            upload("large.dat", options, async (upload) => (running = upload)).catch(reject);
        });
        await begun.abort(true);
        const { status } = await fetch(begun.url, { method: "HEAD", headers: { Authorization: authorization, "Tus-Resumable": "1.0.0" } });
        assert.equal(status, 404);
    },
    async refusals() {
        for (const [target, filename, expected] of [["missing/", "a.txt", 409], ["", "a/b", 400], ["", "", 400]]) {
            const options = { endpoint: url + target, metadata: { filename }, retryDelays: [] };
            const status = await upload("small.txt", options).then(() => 0, (error) => error.originalResponse.getStatus());
            assert.equal(status, expected, filename);
        }
    },
};
await steps[step]();
