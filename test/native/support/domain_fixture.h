/* Provides cmocka fixtures for tests of the domain server. */
#ifndef LITEIPC_TEST_DOMAIN_FIXTURE_H
#define LITEIPC_TEST_DOMAIN_FIXTURE_H

#include "support/control_client.h"

/* A ServiceManager, a service and a client. */
struct DomainTrio {
    struct TestProcess manager, service, client;
};

extern char testDirectory[64];
extern struct Domain *testDomain;
extern struct DomainTrio domainTrio;

/* A private directory. Tearing it down fails the test if a socket or lock file remains. */
int DirectorySetUp(void **state);
int DirectoryTearDown(void **state);

/* A domain in such a directory. Tearing it down asserts that it and its descriptors are released.
 */
int DomainSetUp(void **state);
int DomainTearDown(void **state);

/* Such a domain with three processes in `domainTrio`, each with four lane ends. */
int DomainTrioSetUp(void **state);
int DomainTrioTearDown(void **state);

/* Opens three processes of `testDomain` with this number of lane ends; closes them. */
void DomainTrioOpen(struct DomainTrio *trio, unsigned laneEnds);
void DomainTrioClose(struct DomainTrio *trio);

#endif
