// What an application does with fhir-kit-client: node story.js http://127.0.0.1:8000/fhir
// Prints the name of each chapter that went well; a failed one ends it with a code that is not 0.
import assert from 'node:assert/strict';
import { Client } from 'fhir-kit-client';

const fhir = new Client({ baseUrl: process.argv[2] });
const statusOf = (answer) => Client.httpFor(answer).response.status;
const refused = (status) => (error) => error.response?.status === status;
const person = (family) => ({
  resourceType: 'Patient',
  name: [{ family }],
  identifier: [{ system: 'urn:kit', value: family }],
});
const weight = (reference) => ({
  resourceType: 'Observation',
  status: 'final',
  code: { text: 'weight' },
  subject: { reference },
});

const chapters = {
  async 'capability statement'() {
    const statement = await fhir.capabilityStatement();
    assert.equal(statement.fhirVersion, '4.0.1');
    assert(statement.rest[0].resource.some((each) => each.type === 'Patient'));
  },

  async 'one resource'() {
    const made = await fhir.create({ resourceType: 'Patient', body: person('One') });
    assert.equal(statusOf(made), 201);
    const at = { resourceType: 'Patient', id: made.id };
    const read = await fhir.read(at);
    assert.deepEqual(read.name, [{ family: 'One' }]);
    const updated = await fhir.update({ ...at, body: { ...read, gender: 'female' } });
    assert.equal(updated.meta.versionId, '2');
    const jsonPatch = [{ op: 'add', path: '/birthDate', value: '1980-01-02' }];
    const patched = await fhir.patch({ ...at, jsonPatch });
    assert.deepEqual([patched.gender, patched.birthDate], ['female', '1980-01-02']);
    const first = await fhir.vread({ ...at, version: '1' });
    assert.equal(first.gender, undefined);
    await fhir.delete(at);
    await assert.rejects(fhir.read(at), refused(410));
    const history = await fhir.resourceHistory(at);
    const methods = history.entry.map((each) => each.request.method);
    assert.deepEqual(methods, ['DELETE', 'PATCH', 'PUT', 'POST']);
  },

  async 'searches and pages'() {
    const owner = await fhir.create({ resourceType: 'Patient', body: person('Owner') });
    const entry = Array.from({ length: 25 }, () => ({
      resource: weight(`Patient/${owner.id}`),
      request: { method: 'POST', url: 'Observation' },
    }));
    await fhir.batch({ body: { resourceType: 'Bundle', type: 'batch', entry } });
    const searchParams = { 'subject:Patient.family': 'owner', _count: 10, _sort: '_id' };
    let page = await fhir.search({ resourceType: 'Observation', searchParams });
    const ids = new Set();
    let pages = 0;
    for (; page; page = await fhir.nextPage({ bundle: page })) {
      page.entry.forEach((each) => ids.add(each.resource.id));
      pages += 1;
    }
    assert.deepEqual([ids.size, pages], [25, 3]);
    const options = { postSearch: true };
    const posted = await fhir.search({ resourceType: 'Observation', searchParams, options });
    assert.equal(posted.entry.length, 10);
    const next = await fhir.nextPage({ bundle: posted });
    assert.equal(next.entry.length, 10);
    const compartment = { resourceType: 'Patient', id: owner.id };
    const within = await fhir.search({ resourceType: 'Observation', compartment });
    assert.equal(within.entry.length, 20);
    const everywhere = await fhir.systemSearch({ searchParams: { _type: 'Patient', _id: owner.id } });
    assert.equal(everywhere.total, 1);
  },

  async 'conditional writes'() {
    const headers = { 'If-None-Exist': 'identifier=urn:kit|Once' };
    const once = { resourceType: 'Patient', body: person('Once'), options: { headers } };
    const made = await fhir.create(once);
    const again = await fhir.create(once);
    assert.deepEqual([statusOf(made), statusOf(again)], [201, 200]);
    const searchParams = { identifier: 'urn:kit|Once' };
    const body = { ...person('Once'), active: true };
    const updated = await fhir.update({ resourceType: 'Patient', searchParams, body });
    assert.deepEqual([updated.id, updated.meta.versionId], [made.id, '2']);
    const stale = { headers: { 'If-Match': 'W/"1"' } };
    const late = fhir.update({ resourceType: 'Patient', id: made.id, body: updated, options: stale });
    await assert.rejects(late, refused(412));
    const known = { headers: { 'If-None-Match': 'W/"2"' } };
    const unchanged = fhir.read({ resourceType: 'Patient', id: made.id, options: known });
    await assert.rejects(unchanged, refused(304));
    await fhir.request('Patient?identifier=urn:kit|Once', { method: 'DELETE' });
    const left = await fhir.search({ resourceType: 'Patient', searchParams });
    assert.equal(left.total, 0);
  },

  async 'batch and transaction'() {
    const urn = 'urn:uuid:5d0b1e0a-7f0e-4a55-8f30-2a1d8fd9c001';
    const linked = [
      { fullUrl: urn, resource: person('Linked'), request: { method: 'POST', url: 'Patient' } },
      { resource: weight(urn), request: { method: 'POST', url: 'Observation' } },
    ];
    const body = { resourceType: 'Bundle', type: 'transaction', entry: linked };
    const answer = await fhir.transaction({ body });
    assert.equal(answer.type, 'transaction-response');
    const searchParams = { 'subject:Patient.family': 'Linked' };
    const found = await fhir.search({ resourceType: 'Observation', searchParams });
    const reference = found.entry[0].resource.subject.reference;
    const target = await fhir.resolve({ reference });
    assert.equal(target.name[0].family, 'Linked');

    const wrong = { resource: { ...weight(urn), status: 'perhaps' }, request: linked[1].request };
    const broken = { resourceType: 'Bundle', entry: [linked[0], wrong] };
    await assert.rejects(fhir.transaction({ body: { ...broken, type: 'transaction' } }), (error) => {
      return error.response.status >= 400 && error.response.data.resourceType === 'OperationOutcome';
    });
    const half = await fhir.batch({ body: { ...broken, type: 'batch' } });
    const states = half.entry.map((each) => each.response.status[0]);
    assert.deepEqual(states, ['2', '4']);
  },

  async 'operation and histories'() {
    const patient = await fhir.create({ resourceType: 'Patient', body: person('Whole') });
    const reference = `Patient/${patient.id}`;
    await fhir.create({ resourceType: 'Observation', body: weight(reference) });
    const at = { resourceType: 'Patient', id: patient.id };
    const everything = await fhir.operation({ name: 'everything', ...at, method: 'GET' });
    assert.equal(everything.entry.length, 2);
    const [newest] = (await fhir.typeHistory({ resourceType: 'Observation' })).entry;
    assert.equal(newest.resource.subject.reference, reference);
    const all = await fhir.systemHistory();
    assert.equal(all.type, 'history');
  },
};

for (const [name, chapter] of Object.entries(chapters)) {
  await chapter();
  console.log(name);
}
